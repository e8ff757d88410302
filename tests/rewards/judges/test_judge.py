"""The judge over HTTP, against a server on this machine."""

import asyncio
import contextlib
import gzip
import json
import logging
import pickle
import re
import threading
import time
import tracemalloc
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gymnasium as gym
import pytest

from textgym import rewards
from textgym.errors import ConfigurationError, RewardError
from textgym.rewards import Judge, RewardFunctions
from textgym.rewards.judges import judge


@dataclass
class Api:
    """What the server was asked, and how it answers: with status, text and headers for the n-th request, from 0."""

    answer: object = lambda n, question: (200, "5", {})
    pause: float = 0.0  # seconds after every piece that is sent
    piece: int = 10  # bytes
    bodies: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    paths: list = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    lock: object = field(default_factory=threading.Lock)
    url: str = ""


def handler(api):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self):
            with contextlib.suppress(ConnectionError):  # the client gave up
                super().handle()

        def do_POST(self):
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            if not sent:
                return  # the client gave up
            body = json.loads(sent)
            with api.lock:
                n = len(api.bodies)
                api.bodies.append(body)
                api.headers.append(self.headers)
                api.paths.append(self.path)
                api.in_flight += 1
                api.most_in_flight = max(api.most_in_flight, api.in_flight)
            status, text, headers = api.answer(n, body["messages"][0]["content"])
            if isinstance(text, str):
                text = {"choices": [{"message": {"role": "assistant", "content": text}}]}
            sent = text if isinstance(text, bytes) else json.dumps(text).encode()
            with api.lock:
                api.in_flight -= 1
            self.send_response(status)
            for name, value in {"Content-Length": str(len(sent)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for start in range(0, len(sent), api.piece):
                try:
                    self.wfile.write(sent[start : start + api.piece])
                except ConnectionError:
                    return  # the client gave up
                time.sleep(api.pause)

        def log_message(self, *args):
            pass

    return Handler


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(judge, "FIRST_WAIT", 0.01)
    api = Api()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(api))
    api.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield api
    server.shutdown()
    thread.join()
    server.server_close()


def ask(reward, completions, prompts=None, **columns):
    return asyncio.run(reward(prompts=prompts or ["p"] * len(completions), completions=completions, **columns))


def shown(question):
    """The completion in a question of the default prompt."""
    return question.rpartition("Response:\n")[2]


def test_what_is_asked_and_what_is_made_of_the_answer(api):
    api.answer = lambda n, question: (200, " Rating: 7/10.\n", {})
    assert ask(Judge(api.url + "/", "small"), ["a {fine} film"], ["The film was"]) == [pytest.approx(6 / 9)]
    (body,) = api.bodies
    assert body["model"] == "small" and body["temperature"] == 0 and api.paths == ["/v1/chat/completions"]
    (message,) = body["messages"]
    assert message["role"] == "user" and "The film was" in message["content"] and "a {fine} film" in message["content"]
    assert api.headers[0]["Authorization"] is None


@pytest.mark.parametrize("at_once", [1, 3])
def test_values_keep_their_order_and_few_are_under_way(api, at_once):
    # the first answers come last
    api.answer = lambda n, question: time.sleep(0.005 * (12 - int(shown(question)))) or (200, shown(question), {})
    texts = [str(1 + i % 10) for i in range(12)]
    values = ask(Judge(api.url, "small", max_concurrency=at_once), texts)
    assert values == [(int(text) - 1) / 9 for text in texts]
    assert min(2, at_once) <= api.most_in_flight <= at_once


def test_columns_in_the_question(api):
    reward = Judge(api.url, "small", prompt="{completion} or {reference[0]}?", parse=r"score=([\d.]+)")
    api.answer = lambda n, question: (200, "I say score=0.25", {})
    # trainers pass arguments that are no columns
    values = ask(reward, ["a", "b"], reference=[["x", "y"], None], trainer_state=object())
    assert values == [0.25, None]
    assert [body["messages"][0]["content"] for body in api.bodies] == ["a or x?"]
    with pytest.raises(ConfigurationError, match=r"names 'reference'.*it has: prompt, completion"):
        ask(reward, ["a"])
    with pytest.raises(ConfigurationError, match=r"cannot be filled with .*'reference': \[\].* \(IndexError"):
        ask(reward, ["a"], reference=[[]])


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_it_asks_again(api, status, caplog):
    api.answer = lambda n, question: (status, {"error": "busy"}, {}) if n < 2 else (200, "10", {})
    with caplog.at_level(logging.WARNING, logger="textgym"):
        assert ask(Judge(api.url, "small", retries=2), ["a"]) == [1.0]
    assert len(api.bodies) == 3
    assert caplog.text.count(f"answered with status {status}") == 2


def test_it_waits_as_long_as_the_server_says(api, monkeypatch):
    monkeypatch.setattr(judge, "FIRST_WAIT", 60.0)  # its own wait would be at least 30 s
    api.answer = lambda n, question: (200, "10", {}) if n else (429, "busy", {"Retry-After": "1"})
    began = time.monotonic()
    assert ask(Judge(api.url, "small"), ["a"]) == [1.0]
    assert 1.0 <= time.monotonic() - began < 10


def test_a_server_cannot_make_it_wait_for_a_day(api, monkeypatch):
    monkeypatch.setattr(judge, "LONGEST_WAIT", 0.05)
    api.answer = lambda n, question: (200, "10", {}) if n else (429, "busy", {"Retry-After": "86400"})
    began = time.monotonic()
    assert ask(Judge(api.url, "small"), ["a"]) == [1.0]
    assert time.monotonic() - began < 60


def test_waits_grow_up_to_a_limit_and_differ(api, monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(judge.asyncio, "sleep", sleep)
    monkeypatch.setattr(judge, "FIRST_WAIT", 1.0)
    api.answer = lambda n, question: (500, "down", {})
    with pytest.raises(RewardError):
        ask(Judge(api.url, "small", retries=8), ["a"])
    assert len(waits) == 8 and len({wait / 2**i for i, wait in enumerate(waits[:5])}) == 5
    assert all(min(2**i, 30) / 2 <= wait <= min(2**i, 30) for i, wait in enumerate(waits))


def test_a_server_that_stays_down_is_an_error(api):
    api.answer = lambda n, question: (500, {"error": "out of memory"}, {})
    with pytest.raises(RewardError, match=r"v1/chat/completions answered with status 500.*out of memory.*3 attempts"):
        ask(Judge(api.url, "small", retries=2), ["a"])
    assert len(api.bodies) == 3


def test_a_server_that_is_too_slow_is_an_error(api):
    # bytes that trickle in must not keep an attempt alive: its time is limited as a whole
    api.pause = 0.05
    api.answer = lambda n, question: (200, "5" * 2000, {})
    began = time.monotonic()
    with pytest.raises(RewardError, match=r"no answer within timeout=0\.1 s, at the last of 2 attempts"):
        ask(Judge(api.url, "small", retries=1, timeout=0.1), ["a"])
    assert time.monotonic() - began < 5


def test_no_server():
    with pytest.raises(RewardError, match=r"http://127\.0\.0\.1:9/v1/chat/completions could not be reached"):
        ask(Judge("http://127.0.0.1:9/v1", "small", retries=0), ["a"])


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_not_asked_again(api, status):
    api.answer = lambda n, question: (status, {"error": "no such model"}, {})
    with pytest.raises(ConfigurationError, match=rf"status {status}.*no such model.*model='small'"):
        ask(Judge(api.url, "small"), ["a"])
    assert len(api.bodies) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_text_that_is_refused_costs_its_row_alone(api, status):
    """As an error in the settings it would stop training, for Lenient forgives none of those."""
    refusal = status, {"error": {"code": "content_filter"}}, {}
    api.answer = lambda n, question: refusal if shown(question) == "rude" else (200, "10", {})
    lenient = rewards.Lenient(Judge(api.url, "small"))
    assert lenient(prompts=["p"] * 3, completions=["fine", "rude", "good"]) == [1.0, None, 1.0]
    api.bodies.clear()
    # the same status may mean a wrong model or parameter: the error names both remedies
    with pytest.raises(RewardError, match=rf"status {status}.*content_filter.*rewards\.Lenient.*model='small'"):
        ask(Judge(api.url, "small"), ["rude"])
    assert len(api.bodies) == 1  # asked again, it would say the same


@pytest.mark.parametrize("status", [401, 403, 404])
def test_settings_that_are_refused_are_not_forgiven(api, status):
    # a run would otherwise go on without its judge
    api.answer = lambda n, question: (status, {"error": "no such key"}, {})
    with pytest.raises(ConfigurationError, match=f"status {status}"):
        rewards.Lenient(Judge(api.url, "small"))(prompts=["p"], completions=["a"])


@pytest.mark.parametrize(
    "answer", ["good", "0", "11", "10.5", "-7", "between 6 and 7", "7-8", "", "100", "0.7", "On a scale of 10: 7"]
)
def test_an_answer_that_is_no_rating_is_an_error(api, answer):
    api.answer = lambda n, question: (200, answer, {})
    with pytest.raises(RewardError, match=rf"'small' answered {re.escape(repr(answer))}"):
        ask(Judge(api.url, "small"), ["a"])


@pytest.mark.parametrize("parse", [r"\d+", lambda answer: 1 / 0, lambda answer: float("nan"), lambda answer: None, "x"])
def test_a_value_outside_the_unit_interval_is_an_error(api, parse):
    api.answer = lambda n, question: (200, "42", {})
    with pytest.raises(RewardError, match="answered '42'"):
        ask(Judge(api.url, "small", parse=parse), ["a"])


@pytest.mark.parametrize("sent", [b"<html>", {"choices": []}, {"choices": [{"message": {"content": None}}]}, [1]])
def test_an_answer_that_is_no_chat_completion_is_an_error(api, sent):
    api.answer = lambda n, question: (200, sent, {})
    with pytest.raises(RewardError, match=r"v1/chat/completions answered with no chat completion"):
        ask(Judge(api.url, "small"), ["a"])


def test_one_failure_stops_the_others(api):
    api.answer = lambda n, question: (200, "none" if n == 0 else "5", {})
    with pytest.raises(RewardError, match="answered 'none'"):
        ask(Judge(api.url, "small", max_concurrency=1), ["a"] * 50)
    assert len(api.bodies) < 5


def test_the_key_is_read_when_it_is_needed_and_kept_nowhere(api, monkeypatch):
    reward = Judge(api.url, "small", api_key_env="JUDGE_KEY")
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="environment variable 'JUDGE_KEY', which is not set"):
        ask(reward, ["a"])
    monkeypatch.setenv("JUDGE_KEY", "sesame\n")  # as a file ends
    assert ask(reward, ["a"]) == [4 / 9]
    assert api.headers[-1]["Authorization"] == "Bearer sesame"
    assert "sesame" not in repr(reward) and b"sesame" not in pickle.dumps(reward)
    monkeypatch.setenv("JUDGE_KEY", "ses\name")  # the client's own error would show it
    with pytest.raises(ConfigurationError) as caught:
        ask(reward, ["a"])
    assert "ses" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [{"base_url": "localhost:8000"}, {"base_url": "http://"}, {"timeout": 0}, {"retries": -1}, {"max_concurrency": 0},
     {"parse": "("}, {"prompt": "{completion"}],
)  # fmt: skip
def test_arguments_are_checked_at_once(arguments):
    with pytest.raises(ConfigurationError):
        Judge(**{"base_url": "http://localhost/v1", "model": "small"} | arguments)


def test_the_rewards_of_an_environment_are_one_call(api):
    api.answer = lambda n, question: (200, str(1 + len(shown(question)) % 10), {})
    batches = []

    class Counting(Judge):
        async def __call__(self, **arguments):
            batches.append(arguments["completions"])
            return await super().__call__(**arguments)

    env = gym.make_vec("TextGen-Sentiment-v0", num_envs=5, reward_funcs=Counting(api.url, "small"), max_new_tokens=2)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(2):
        _, scores, _, _, infos = env.step(env.action_space.sample())
    env.close()
    assert list(infos["final_info"]["completion"]) == batches[0] and len(batches) == 1
    assert scores.tolist() == [len(text) % 10 / 9 for text in batches[0]]


def test_other_rewards_may_hold_it_in_other_processes(api):
    reward = pickle.loads(pickle.dumps(rewards.Cached(rewards.Lenient(Judge(api.url, "small"), -1.0))))
    api.answer = lambda n, question: (200, shown(question), {})
    assert reward(prompts=["p"] * 3, completions=["10", "bad", "10"]) == [1.0, -1.0, 1.0]


def test_event_loops_may_be_shared_or_not(api):
    # a connection that outlives its loop cannot be used again
    reward = Judge(api.url, "small")

    async def twice():
        return await asyncio.gather(reward(["p"], ["a"]), reward(["p"], ["a"])), await reward(["p"], ["a"])

    assert asyncio.run(twice()) == ([[4 / 9], [4 / 9]], [4 / 9]) == asyncio.run(twice())


def test_trl_sees_that_it_is_async(api):
    # GRPOTrainer asks this of a reward function, and for its name; it would take the coroutine for a list otherwise
    reward = Judge(api.url, "small")
    assert asyncio.iscoroutinefunction(reward) and reward.__name__ == "judge"
    assert RewardFunctions([reward, reward]).names == ["judge", "judge_2"]


@pytest.mark.parametrize(
    ("answer", "value"), [("10.0", 1.0), ("10.00/10", 1.0), ("5.5 out of 10.0", 0.5), ("1.0", 0.0)]
)
def test_a_rating_may_have_decimals(answer, value):
    assert judge.rating(answer) == value


def completion_of(size):
    return json.dumps({"choices": [{"message": {"content": "5" + " " * size}}]}).encode()


def test_an_answer_may_be_compressed(api):
    api.answer = lambda n, question: (200, gzip.compress(completion_of(100)), {"Content-Encoding": "gzip"})
    assert ask(Judge(api.url, "small"), ["a"]) == [4 / 9]
    api.answer = lambda n, question: (200, b"no gzip", {"Content-Encoding": "gzip"})
    with pytest.raises(RewardError, match="could not be reached or read"):
        ask(Judge(api.url, "small", retries=0), ["a"])


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_of_any_size_costs_little_memory(api, status, packed):
    """A few kilobytes of gzip are hundreds of megabytes of text."""
    body = gzip.compress(completion_of(50_000_000), 1) if packed else completion_of(5_000_000)
    headers = {"Content-Encoding": "gzip"} if packed else {}
    api.piece = 100_000
    api.answer = lambda n, question: (status, body, headers)
    tracemalloc.start()
    try:
        with pytest.raises(RewardError, match="more than 1,000,000 bytes" if status == 200 else "status 500") as caught:
            ask(Judge(api.url, "small", retries=0), ["a"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 1000
    assert peak < 5_000_000 + (0 if packed else len(body))


def test_messages_hold_no_key_and_only_the_beginning_of_an_answer(api, monkeypatch, caplog):
    monkeypatch.setenv("JUDGE_AUTH", "open-sesame-1")
    url = api.url.replace("://", "://ada:lovelace@")
    for status, text in ((401, "no: open-sesame-1"), (500, "open-sesame-1"), (200, "open-sesame-1" + "x" * 5000)):
        api.answer = lambda n, question, status=status, text=text: (status, text, {})
        with pytest.raises((ConfigurationError, RewardError)) as caught:
            ask(Judge(url, "small", api_key_env="JUDGE_AUTH", retries=1), ["a"])
        assert "sesame" not in str(caught.value) + caplog.text and "lovelace" not in str(caught.value) + caplog.text
        assert len(str(caught.value)) < 1000


def test_a_pattern_that_takes_for_ever_is_an_error(api, monkeypatch):
    monkeypatch.setattr(judge.worker, "TIME_LIMIT", 0.3)
    api.answer = lambda n, question: (200, "a" * 40, {})
    with pytest.raises(RewardError, match=r"the search takes longer than 0\.3 s"):
        ask(Judge(api.url, "small", parse=r"(a+)+(\d)"), ["a"])


def test_conversations_are_asked_about_as_texts(api):
    prompts, completions = [[{"role": "user", "content": "2 + 2?"}]], [[{"role": "assistant", "content": "It is 4."}]]
    ask(Judge(api.url, "small"), completions, prompts)
    assert "Prompt:\n2 + 2?\n\nResponse:\nIt is 4." in api.bodies[0]["messages"][0]["content"]
