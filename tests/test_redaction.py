"""Keys, hosts and folders are taken out; what only looks like them stays."""

import platform
from pathlib import Path

import pytest

from textgym.redaction import redacted, redacted_values


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("https://api.example.com/v1/chat?token=abc123&x=1 answered with status 500", "abc123"),
        ("https://ada:hunter2@example.com/v1", "hunter2"),
        ("Authorization: Bearer eyJhbGciOi.abc-def", "eyJhbGciOi"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ("Incorrect API key provided: sk-proj-0123456789abcdef0123", "sk-proj-0123456789"),
        ('{"api_key": "my-own-key"}', "my-own-key"),
        ("make_agent(api_key='my own', n=3)", "my"),
        ("OPENAI_API_KEY=abcdef python run.py", "abcdef"),
        ("run --api-key abcdef --n 3", "abcdef"),
        ("password: hunter2", "hunter2"),
        ("password: 1234", "1234"),
        ("hf_token: 0123456789", "0123456789"),
        ("hf_abcdefghijklmnopqrst is not valid", "hf_abc"),
        ("the key was given-by-the-environment!", "given-by-the-environment"),
    ],
)
def test_secrets_are_taken_out(monkeypatch, text, secret):
    monkeypatch.setenv("SOME_TOKEN", "given-by-the-environment")
    assert secret in text
    assert secret not in redacted(text)
    assert "***" in redacted(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://gpu-7.example.com:8000/v1 refused", "gpu-7"),
        ("https://ada:pw@judges:8000/v1", "judges"),
        ("HTTPSConnectionPool(host='judge.example', port=443)", "judge.example"),
        ("cannot resolve gpu-7.corp.internal", "gpu-7"),
        ("no route to 10.20.30.40:8000", "10.20.30.40"),
        ("[Errno 2] No such file or directory: '/srv/ada b/models/judge.bin'", "ada b"),
        ("loaded /srv/ada/models/judge.bin", "ada"),
        ("--results=/srv/ada/runs", "srv"),
        ("C:\\Users\\ada\\judge.bin is no model", "ada"),
        ("~/ada/judge.bin is no model", "ada/"),
        ("file:///srv/ada/judge.bin is no model", "ada"),
        ("file://disks/srv/ada/judge.bin is no model", "srv"),
        ("file:/srv/ada/judge.bin is no model", "ada"),
        ("'file:///srv/ada b/models/judge.bin' is no model", "ada"),
        (f"{Path.cwd()}/of mine/x.txt", str(Path.cwd())),
    ],
)
def test_places_are_taken_out_where_asked(text, place):
    assert place in redacted(text) or "@" in text
    assert place not in redacted(text, places=True)


def test_the_machines_own_name_is_a_place(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "adas-laptop")
    assert redacted("on adas-laptop, not adas-laptop-2", places=True) == "on ***, not adas-laptop-2"


@pytest.mark.parametrize(
    "text",
    [
        "RuntimeError: no luck (mine.py:10 make_agent)",
        "total_tokens=40000, tokenizer=textgym-tiny, max_new_tokens: 3, eos_token=</s>, stop_token='.'",
        "the chosen token: 42, and token=7",
        "tokens and/or words, 1/2 of them, see torch.nn.functional",
        "python -m benchmarks.leaderboard --suite quick --results benchmarks/results --agent agents/ppo.py",
        "The judge needs an API key in the environment variable 'OPENAI_API_KEY', which is not set. api_key_env='K'",
    ],
)
def test_other_texts_stay_as_they_are(text):
    assert redacted(text, places=True) == text


def test_values_of_secret_names_are_taken_out_at_any_depth():
    assert redacted_values({"stop_token": ".", "hf_token": "abc"}) == {"stop_token": ".", "hf_token": "***"}
    value = {"env_kwargs": {"judge": [{"api_key": "abc", "api_key_env": "MY_KEY"}]}, "n": 4, "model": "/srv/ada/tiny"}
    assert redacted_values(value) == {
        "env_kwargs": {"judge": [{"api_key": "***", "api_key_env": "MY_KEY"}]}, "n": 4, "model": ".../tiny"
    }  # fmt: skip
