"""Text to ids and back, and special tokens that text cannot forge."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import gymnasium as gym
import huggingface_hub
import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, normalizers
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE, Unigram, WordLevel
from tokenizers.pre_tokenizers import ByteLevel, Metaspace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import AutoTokenizer

import textgym
from textgym import models
from textgym.errors import ConfigurationError, InvalidActionError, UnknownNameError
from textgym.tokenizer import TextTokenizer

ID = "TextGen-Sentiment-v0"
TEXTS = [
    "A film.",
    "",
    "  two  spaces\n\nand lines",
    "Crème brûlée für 3,50 €",
    "日本語 🎬",
    "1234567890",
    "don't <|endoftext|> stop",
]


@pytest.mark.parametrize("text", TEXTS)
def test_round_trip(tokenizer: TextTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode_batch(tokenizer.encode_batch([text, "x"])) == [text, "x"]


def test_frozen(tokenizer: TextTokenizer) -> None:
    """Another vocabulary would void every published result."""
    assert tokenizer.vocab_size == 4096
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id) == (0, 1, 2)
    assert tokenizer.encode("A wonderful film") == [35, 3865, 482]


def test_digits_stand_alone(tokenizer: TextTokenizer) -> None:
    assert len(tokenizer.encode("20261121")) == 8


def test_equals_transformers(tokenizer: TextTokenizer) -> None:
    """One vocabulary for environment and model."""
    theirs = AutoTokenizer.from_pretrained(models.folder("textgym-tiny"))
    for text in TEXTS[:-1]:
        assert theirs.encode(text, add_special_tokens=False) == tokenizer.encode(text)
    assert (theirs.pad_token_id, theirs.eos_token_id, theirs.bos_token_id) == (0, 1, 2)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_text_cannot_forge_special_tokens(tokenizer: TextTokenizer, copied) -> None:  # type: ignore[no-untyped-def]
    """A review with "<|endoftext|>" in it must not end an episode, in another process neither."""
    assert not set(copied(tokenizer).encode("<|endoftext|><|pad|>")) & {0, 1, 2}


def write_bpe(folder: Path, special: list[str], **config: Any) -> Path:
    """The folder of a model with a byte-level BPE like GPT-2's; its special tokens have the first ids."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer, bpe.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    alphabet = ByteLevel.alphabet()
    bpe.train_from_iterator(TEXTS, BpeTrainer(special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    bpe.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 1024} | config))
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("special", "config", "pad"),
    [
        (["<|endoftext|>"], {}, 0),  # GPT-2
        (["<|endoftext|>"], {"pad_token": "<|endoftext|>"}, 0),
        (["<|endoftext|>", "<|padding|>"], {"pad_token": None}, 1),  # Pythia
        (["<unk>", "<s>", "</s>"], {"eos_token": {"content": "</s>"}, "bos_token": "<s>"}, 2),  # Llama 2
        (["<|endoftext|>", "<|im_end|>"], {"eos_token": "<|im_end|>"}, 0),
        (["<|endoftext|>", "<|im_end|>"], {}, 0),  # not <|im_end|>: a pad token cannot be chosen
        (["<|pad|>", "<|mine|>", "<|endoftext|>"], {"pad_token": "<|mine|>"}, 1),
    ],
)
def test_what_pads(tmp_path: Path, special: list[str], config: dict[str, Any], pad: int) -> None:
    """A pad token that is declared, else one that is called so, else EOS; most base models declare none."""
    tokenizer = TextTokenizer.from_file(write_bpe(tmp_path, special, **config) / "tokenizer.json")
    assert tokenizer.pad_token_id == pad
    assert tokenizer.decode(tokenizer.encode(TEXTS[3])) == TEXTS[3]


def test_eos_that_pads_is_still_an_action_that_ends_the_episode(tmp_path: Path) -> None:
    """As with GPT-2's tokenizer: masking pad, or looking for the end among the padding, would break every episode."""
    keywords: dict[str, Any] = {
        "tokenizer": str(write_bpe(tmp_path, ["<|endoftext|>"])), "max_new_tokens": 4, "max_prompt_tokens": 8,
        "dataset": [{"prompt": "A film."}, {"prompt": "two"}], "reward_funcs": "length",
    }  # fmt: skip
    env, envs = gym.make(ID, **keywords), gym.make_vec(ID, num_envs=2, **keywords)
    inner: Any = env.unwrapped
    eos, text = inner.tokenizer.eos_token_id, inner.tokenizer.encode("is")
    assert inner.tokenizer.pad_token_id == eos
    assert inner.action_masks().all() and envs.unwrapped.action_masks().all()  # type: ignore[attr-defined]

    obs, begun = env.reset(options={"index": 1})
    batch, _ = envs.reset(options={"index": [1, 0]})
    assert inner.tokenizer.decode(obs["input_ids"][: begun["prompt_length"]]) == "two"
    assert (obs["input_ids"][begun["prompt_length"] :] == eos).all()
    assert obs["attention_mask"].sum() == begun["prompt_length"]
    for action in (*text, eos):
        assert np.array_equal(batch["input_ids"][0], obs["input_ids"])
        obs, _, terminated, _, info = env.step(action)
        batch, _, ends, _, infos = envs.step(np.array([action, text[0]]))
        assert terminated == ends[0] == (action == eos) and not ends[1]
    for key, value in {"completion": "is", "finish_reason": "eos", "completion_length": len(text)}.items():
        assert info[key] == infos["final_info"][key][0] == value
    assert obs["attention_mask"].sum() == begun["prompt_length"] + len(text) + 1  # the EOS that was chosen is text


def test_no_eos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no EOS token. Name one in tokenizer_config\.json"):
        TextTokenizer.from_file(write_bpe(tmp_path, ["<s>"], eos_token="</s>") / "tokenizer.json")


def test_read_once() -> None:
    assert textgym.load_tokenizer("textgym-tiny") is textgym.load_tokenizer("textgym-tiny")


def test_byte_tables_write_what_the_library_writes(tokenizer: TextTokenizer) -> None:
    # random ids: bytes that are no UTF-8, characters cut in two, special and added tokens in between
    inner = Tokenizer.from_str(tokenizer.to_str())
    inner.add_tokens(["naïve\u2028 word"])  # no byte-level spelling, and no special token
    added = TextTokenizer(inner, eos_token_id=1, pad_token_id=0)
    rng = np.random.default_rng(0)
    batch = [rng.integers(0, added.vocab_size, rng.integers(0, 40)).tolist() for _ in range(2000)]
    batch += [[added.vocab_size - 1, 300], [1, 0, 2], *([byte] for byte in range(3, 300))]
    assert added.decode_batch(batch) == inner.decode_batch(batch, skip_special_tokens=True)
    assert pickle.loads(pickle.dumps(added)).decode_batch(batch) == added.decode_batch(batch)


@pytest.mark.parametrize("text", ["", "a dull film", "我很好 😀", "\n\t x", "\ufffd", "e\u0301"])
def test_pieces_join_to_the_text(tokenizer, text):
    ids = tokenizer.encode(text)
    assert "".join(tokenizer.pieces(ids)) == text
    for cut in (ids[:-1], ids[1:], [*ids, tokenizer.eos_token_id]):
        assert "".join(tokenizer.pieces(cut)) == tokenizer.decode(cut)


LLAMA_CHAT = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] | trim }}</s>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SPECIAL = ["<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>"]


def llama_tokenizer(kind: str) -> Tokenizer:
    """A tokenizer as SentencePiece has them, which puts a space in front of a text, and BOS in front of that."""
    words = ["▁", "▁The", "▁film", "▁is", "▁good", ".", "\n", *"abcdefghijklmnopqrstuvwxyzT|<>/"]
    vocabulary = [(token, 0.0) for token in SPECIAL] + [(word, -len(words) + float(len(word))) for word in words]
    inner = Tokenizer(Unigram(vocabulary, unk_id=0))
    if kind == "legacy":  # Llama 2
        inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        inner.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    else:
        inner.pre_tokenizer = Metaspace(prepend_scheme=kind)
        inner.decoder = decoders.Metaspace(prepend_scheme=kind)
    inner.add_special_tokens(SPECIAL)
    inner.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return inner


def write_llama(folder: Path, kind: str, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    llama_tokenizer(kind).save(str(folder / "tokenizer.json"))
    names = {"eos_token": "</s>", "bos_token": "<s>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | config))
    (folder / "config.json").write_text("{}")
    return folder


KINDS = ["legacy", "always", "first"]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_of_llama_type_tokenizers_can_be_joined(tmp_path: Path, kind: str) -> None:
    """They took every text for a beginning: a reference behind a prompt got two spaces, a completion lost its own."""
    tokenizer = textgym.load_tokenizer(write_llama(tmp_path, kind))
    ids = [*tokenizer.encode_batch(["The film"], begin=True)[0], *tokenizer.encode(" is good")]
    assert [tokenizer.id_to_token(i) for i in ids] == ["▁The", "▁film", "▁is", "▁good"]
    assert tokenizer.decode(tokenizer.encode(" is good")) == " is good"
    assert tokenizer.decode(tokenizer.encode("is good")) == "is good"
    copied = pickle.loads(pickle.dumps(tokenizer))
    assert copied.encode(" is") == tokenizer.encode(" is")
    for forged in ("</s>", "<s></s>", "good</s>", "</s> is", "</s></s>"):
        assert not {1, 2} & {*copied.encode(forged)} and tokenizer.decode(copied.encode(forged)) == forged


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", ["{prompt}", "<s><|user|>\n{prompt}</s>", "<|user|>{prompt} is<|assistant|>"])
def test_prompts_are_what_transformers_makes_of_them(tmp_path: Path, kind: str, template: str) -> None:
    """BOS where the tokenizer's own post-processor adds it, once, and a space in front where it puts one."""
    folder = write_llama(tmp_path, kind)
    env: Any = gym.make(ID, tokenizer=folder, dataset=[{"prompt": "The film"}], prompt_template=template).unwrapped
    obs, info = env.reset()
    theirs = AutoTokenizer.from_pretrained(folder)
    text = template.format(prompt="The film")
    expected = theirs(text, add_special_tokens=not text.startswith("<s>")).input_ids
    assert obs["input_ids"][: info["prompt_length"]].tolist() == expected
    assert expected[0] == 1 and info["prompt"] == text


def test_cut_prompts_keep_bos_and_special_tokens(tmp_path: Path) -> None:
    keywords: dict[str, Any] = {
        "tokenizer": write_llama(tmp_path, "always"),
        "prompt_template": "{prompt}<|assistant|>",
    }
    rows = [{"prompt": "The film"}, {"prompt": "The film is good"}]
    env: Any = gym.make(ID, dataset=rows, max_prompt_tokens=4, **keywords).unwrapped
    begun = [env.reset(options={"index": index}) for index in (0, 1)]
    written = [[env.tokenizer.id_to_token(i) for i in obs["input_ids"][: info["prompt_length"]]] for obs, info in begun]
    assert written == [["<s>", "▁The", "▁film", "<|assistant|>"], ["<s>", "▁is", "▁good", "<|assistant|>"]]
    assert [info["prompt"] for _, info in begun] == ["The film<|assistant|>", " is good<|assistant|>"]
    with pytest.raises(ConfigurationError, match=r"max_prompt_tokens is 1, but .* Give at least 2"):
        gym.make(ID, dataset=rows, max_prompt_tokens=1, **keywords)


@pytest.mark.parametrize("kind", KINDS)
def test_solved_examples_go_on_from_one_another(tmp_path: Path, kind: str) -> None:
    rows = [{"prompt": f"The {letter}", "reference": "film"} for letter in "abc"]
    keywords: dict[str, Any] = {"tokenizer": write_llama(tmp_path, kind), "dataset": rows, "shots": 1}
    env: Any = gym.make(ID, **keywords).unwrapped
    obs, info = env.reset(options={"index": 2})
    written = [env.tokenizer.id_to_token(i) for i in obs["input_ids"][: info["prompt_length"]]]
    assert written == ["<s>", "▁The", "▁", "a", "▁film", "\n", "\n", "T", "h", "e", "▁", "c"]
    assert info["prompt"] == "The a film\n\nThe c"


def test_a_file_saved_with_truncation_padding_or_sampling_is_read_without() -> None:
    """Any `tok(text, truncation=True)` before `save_pretrained` writes it into the file, and prompts were cut."""
    inner = Tokenizer.from_str(llama_tokenizer("first").to_str())
    inner.enable_truncation(2)
    inner.enable_padding(length=9, pad_id=4)
    inner.model.alpha, inner.model.nbest_size = 0.1, 8
    text, plain = "The film is good. " * 3, textgym.load_tokenizer(llama_tokenizer("first"))
    set_up = textgym.load_tokenizer(inner)
    assert {tuple(set_up.encode(text)) for _ in range(20)} == {tuple(plain.encode(text))}
    assert set_up.encode_batch([text, "a"], begin=True) == plain.encode_batch([text, "a"], begin=True)
    assert set_up.to_str() == plain.to_str()
    assert inner.truncation and inner.padding  # the user's own stays as it was


def test_a_bpe_file_saved_with_dropout_is_read_without(tokenizer: TextTokenizer) -> None:
    inner = Tokenizer.from_str(tokenizer.to_str())
    inner.model.dropout = 0.5
    text = "A wonderful film " * 5
    assert textgym.load_tokenizer(inner).encode(text) == tokenizer.encode(text)


def test_an_eos_that_the_file_calls_ordinary_is_special(tmp_path: Path) -> None:
    write_llama(tmp_path, "first")
    state = json.loads((tmp_path / "tokenizer.json").read_text())
    for token in state["added_tokens"]:
        token["special"] = token["content"] != "</s>"
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    tokenizer = TextTokenizer.from_file(tmp_path / "tokenizer.json")
    assert 2 not in tokenizer.encode("good</s>")
    assert tokenizer.decode([*tokenizer.encode(" good"), 2]) == " good"


def test_every_eos_of_the_generation_config_ends_an_episode(tmp_path: Path) -> None:
    """Llama 3's and Gemma's chats end with another token than their documents."""
    folder = write_llama(tmp_path, "first")
    ends = [2, 4, 9, 50256]  # of these 9 is a word, and the last belongs to the default of another vocabulary
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    keywords: dict[str, Any] = {"tokenizer": folder, "dataset": [{"prompt": "The film"}], "reward_funcs": "length"}
    env: Any = gym.make(ID, **keywords).unwrapped
    assert (env.tokenizer.eos_token_id, env.tokenizer.eos_token_ids) == (2, (2, 4))
    assert env.action_masks()[[2, 4]].all()
    for end in (2, 4):
        env.reset()
        word = env.tokenizer.encode(" good")[0]
        assert not env.step(word)[2]
        *_, terminated, _, info = env.step(end)
        assert terminated
        assert (info["finish_reason"], info["completion"], info["completion_length"]) == ("eos", " good", 1)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 4}))
    assert TextTokenizer.from_file(folder / "tokenizer.json").eos_token_ids == (2, 4)


def test_a_vocabulary_with_a_gap(tmp_path: Path) -> None:
    """Its size is the largest id plus one: the last token was no action, and crashed when it was decoded."""
    inner = Tokenizer(WordLevel({"<|endoftext|>": 0, "a": 1, "b": 5}, unk_token="a"))
    tokenizer = textgym.load_tokenizer(inner)
    assert tokenizer.vocab_size == 6 and tokenizer.decode([5, 3]) == "b"
    env: Any = gym.make(ID, tokenizer=inner, dataset=[{"prompt": "a"}], reward_funcs="length").unwrapped
    env.reset()
    assert env.action_space.n == 6
    for action in (5, 3, 0):
        *_, info = env.step(action)
    assert info["completion"] == "b"


def test_whatever_users_call_a_tokenizer(tmp_path: Path) -> None:
    folder = write_llama(tmp_path, "first")
    theirs = AutoTokenizer.from_pretrained(folder)
    expected = textgym.load_tokenizer(str(folder))
    for source in (folder, theirs, Tokenizer.from_file(str(folder / "tokenizer.json")), expected):
        env: Any = gym.make(ID, tokenizer=source, dataset=[{"prompt": "The film </s>"}]).unwrapped
        assert env.tokenizer.eos_token_ids == (2,)
        obs, _ = env.reset()
        assert obs["input_ids"][:3].tolist() == [1, *expected.encode_batch(["The film"], begin=True)[0]]
    assert textgym.load_tokenizer(theirs).name == str(folder)
    assert theirs("</s>", add_special_tokens=False).input_ids == [2]  # it is left as it was


@pytest.mark.parametrize("source", [False, None, 3, b"textgym-tiny", object()])
def test_what_no_tokenizer_is(source: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"tokenizer is .*Give a model's name or folder"):
        gym.make(ID, tokenizer=source)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + "/y", "~nobody-of-this-name/model", "\0", "a\ud83d"])
def test_names_that_are_no_paths(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnknownNameError, match="Unknown model"):
        textgym.load_tokenizer(name)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("tokenizer.json", b"{", r"tokenizer\.json is no tokenizer"),
        ("tokenizer.json", b"", r"tokenizer\.json is no tokenizer"),
        ("tokenizer.json", b"\xff\xfe", r"tokenizer\.json is no tokenizer"),
        ("tokenizer_config.json", b"{", r"tokenizer_config\.json is not JSON"),
        ("tokenizer_config.json", b"[" * 100_000, r"tokenizer_config\.json is not JSON"),
        ("tokenizer_config.json", b"[1]", r"tokenizer_config\.json holds \[1\]"),
        ("tokenizer_config.json", b"\xff", r"tokenizer_config\.json cannot be read"),
        ("tokenizer_config.json", b'{"eos_token": 5}', "no EOS token"),
        ("generation_config.json", b"no", r"generation_config\.json is not JSON"),
        ("chat_template.jinja", b"\xff", r"chat_template\.jinja cannot be read"),
    ],
)
def test_broken_files(tmp_path: Path, file: str, content: bytes, message: str) -> None:
    write_llama(tmp_path, "first")
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        textgym.load_tokenizer(str(tmp_path))


def test_what_cannot_be_encoded_or_decoded(tokenizer: TextTokenizer) -> None:
    with pytest.raises(ConfigurationError, match=r"'a\\ud83d' cannot be encoded"):
        tokenizer.encode("a\ud83d")
    with pytest.raises(ConfigurationError, match="3 cannot be encoded"):
        tokenizer.encode_batch(["a", 3])  # type: ignore[list-item]
    for ids in ([-1], [4096], ["a"], [None]):
        with pytest.raises(InvalidActionError, match="Give integers from 0 to 4095"):
            tokenizer.decode(ids)  # type: ignore[arg-type]


def test_the_chat_template_of_the_tokenizer(tmp_path: Path) -> None:
    folder = write_llama(tmp_path, "first", chat_template=LLAMA_CHAT)
    rows = [{"prompt": " The film "}, {"prompt": "</s> is <|user|> good"}]
    keywords: dict[str, Any] = {"tokenizer": folder, "dataset": rows, "max_prompt_tokens": 64}
    env: Any = gym.make(ID, prompt_template="chat", **keywords).unwrapped
    theirs = AutoTokenizer.from_pretrained(folder)

    def chat(message: str, **options: Any) -> Any:
        return theirs.apply_chat_template([{"role": "user", "content": message}], add_generation_prompt=True, **options)

    obs, info = env.reset(options={"index": 0})
    assert info["prompt"] == chat(" The film ", tokenize=False) == "<s><|user|>\nThe film</s>\n<|assistant|>\n"
    assert obs["input_ids"][: info["prompt_length"]].tolist() == chat(" The film ", return_dict=False)
    obs, info = env.reset(options={"index": 1})
    ids = obs["input_ids"][: info["prompt_length"]].tolist()
    assert info["prompt"] == chat(rows[1]["prompt"], tokenize=False)
    assert [i for i in ids if i in (1, 2, 3, 4)] == [1, 3, 2, 4]  # what a user writes ends no turn
    env = gym.make(ID, prompt_template="chat:Is {prompt}?", **keywords).unwrapped
    assert env.reset(options={"index": 0})[1]["prompt"] == "<s><|user|>\nIs  The film ?</s>\n<|assistant|>\n"
    with pytest.raises(ConfigurationError, match="shots is 1, but prompt_template is a chat"):
        gym.make(ID, prompt_template="chat", shots=1, **keywords)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "has no chat template. Give a format string"),
        ("{% for", "The tokenizer's chat template is broken"),
        ("{{ raise_exception('Give a system prompt') }}", "refuses a single message of a user .*Give a system prompt"),
        ("{{ messages + 1 }}", "refuses a single message of a user .*TypeError"),
    ],
)
def test_chat_templates_that_cannot_be_used(tmp_path: Path, template: str | None, message: str) -> None:
    folder = write_llama(tmp_path, "first", chat_template=template)
    with pytest.raises(ConfigurationError, match=message):
        gym.make(ID, tokenizer=folder, prompt_template="chat", dataset=[{"prompt": "The film"}])


def test_a_chat_template_in_a_file_of_its_own_goes_first(tmp_path: Path) -> None:
    folder = write_llama(tmp_path, "first", chat_template=[{"name": "default", "template": "{{ bos_token }}a"}])
    assert TextTokenizer.from_file(folder / "tokenizer.json").chat_template == "{{ bos_token }}a"
    (folder / "chat_template.jinja").write_text("{% generation %}{{ messages[0].content | tojson }}{% endgeneration %}")
    env: Any = gym.make(ID, tokenizer=folder, prompt_template="chat", dataset=[{"prompt": "é"}]).unwrapped
    assert env.reset()[1]["prompt"] == '"é"'
