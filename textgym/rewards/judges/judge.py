"""A language model behind an OpenAI-compatible API as a judge of completions."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from itertools import count
from string import Formatter
from typing import TYPE_CHECKING, Any

from textgym import worker
from textgym.arguments import check_integers, check_numbers, check_texts
from textgym.errors import ConfigurationError, RewardError, error_text, shown
from textgym.redaction import HIDDEN, redacted
from textgym.rewards.contract import texts

if TYPE_CHECKING:
    import httpx2

logger = logging.getLogger(__name__)

PROMPT = """\
Rate the response to the prompt from 1 (worst) to 10 (best). Answer with the number alone.

Prompt:
{prompt}

Response:
{completion}"""

RATING = re.compile(r"\D*(?<![-.,\d])(10(?:\.0+)?|[1-9](?:\.\d+)?)(?:\s*(?:/|out of)\s*10(?:\.0+)?)?\D*", re.IGNORECASE)
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before a retry
PASSING = {408, 429}  # statuses that another attempt may mend, as it may 5xx
PACKED = {"Accept-Encoding": "gzip"}  # what `_body` unpacks
OF_THE_TEXT = {400, 413, 422}  # that servers give to a text: filtered, or too long
LONGEST_ANSWER = 1_000_000  # bytes, uncompressed
READ, SHOWN = 2_000, 300  # characters of a foreign text that are looked through for keys, and shown in an error


def rating(answer: str) -> float:
    """The one number from 1 to 10 in a judge's answer, moved to [0, 1].

    Raises:
        ValueError: There is none, or a second number: which one counts would be a guess.

    >>> rating("10.0"), rating("Rating: 5.5/10"), rating("1.")
    (1.0, 0.5, 0.0)
    """
    match = RATING.fullmatch(answer)
    if match is None:
        raise ValueError("it is not one number from 1 to 10")
    return (float(match[1]) - 1) / 9


@dataclass(frozen=True)
class Judge:
    """An async reward function that asks a language model about each completion.

    It asks once per completion, ``POST {base_url}/chat/completions`` at temperature 0; `textgym.rewards.Cached` spares
    it texts that it has seen. What a completion says may sway the judge: keep a second metric beside it.

    Args:
        base_url: The API's address, for example ``"https://api.openai.com/v1"`` or ``"http://localhost:8000/v1"``.
        model: The judge's name there.
        prompt: The question, a format string over ``prompt``, ``completion`` and the data set's columns. A row that has
            None in a column that it names is not judged: its reward is None.
        parse: From the answer to a number in [0, 1]: a function, or a regular expression whose first group, or whole
            match, is the number, and which is searched for under `textgym.worker.TIME_LIMIT`. By default `rating`, the
            one number from 1 to 10.
        api_key_env: The environment variable that holds the API key; None sends none. The key itself is read at every
            call and kept nowhere.
        timeout: Seconds that one attempt may take.
        retries: Further attempts after status 408, 429, 5xx, a timeout or a broken connection. Before each it waits as
            long as the server's ``Retry-After`` says, else twice as long as before, with jitter; a minute at most.
        max_concurrency: Requests of one call that are under way at the same time.

    Raises:
        ConfigurationError: Arguments that cannot be used; at a call, the key or a column is missing, or the server
            refuses every request, for example with status 401, 403 or 404.
        RewardError: At a call: no answer after all retries, one that ``parse`` cannot read or that is longer than
            `LONGEST_ANSWER`, or a refusal that may be of this text alone (status 400, 413 or 422), such as a content
            filter's. No message shows the key.

    >>> Judge("http://localhost:8000/v1", "small", prompt="Is this polite, 1 or 0? {completion}", parse="[01]").model
    'small'
    """

    base_url: str
    model: str
    prompt: str = field(default=PROMPT, kw_only=True)
    parse: str | Callable[[str], float] = field(default=rating, kw_only=True)
    api_key_env: str | None = field(default=None, kw_only=True)
    timeout: float = field(default=60.0, kw_only=True)
    retries: int = field(default=5, kw_only=True)
    max_concurrency: int = field(default=8, kw_only=True)

    __name__ = "judge"
    # what asyncio.iscoroutinefunction, and by it TRL, looks for in objects whose __call__ is async
    _is_coroutine = getattr(asyncio.coroutines, "_is_coroutine", None)

    def __post_init__(self) -> None:
        check_texts(base_url=self.base_url, model=self.model, prompt=self.prompt)
        check_numbers(timeout=self.timeout)
        check_integers(retries=self.retries, max_concurrency=self.max_concurrency)
        if not re.match(r"https?://[^/\s]+", self.base_url):
            raise ConfigurationError(
                f"base_url is {redacted(self.base_url)!r}. Give a URL such as 'http://localhost:8000/v1'."
            )
        if not (self.timeout > 0 and self.retries >= 0 and self.max_concurrency >= 1):
            raise ConfigurationError(
                f"timeout={self.timeout} must be positive, retries={self.retries} not negative and "
                f"max_concurrency={self.max_concurrency} at least 1."
            )
        try:
            re.compile(self.parse if isinstance(self.parse, str) else "")
            _ = self._fields
        except (re.error, ValueError) as error:
            raise ConfigurationError(
                f"prompt={self.prompt!r} is no format string, or parse={self.parse!r} no regular expression: {error}."
            ) from error

    async def __call__(
        self,
        prompts: Sequence[Any] | None = None,
        completions: Sequence[Any] = (),
        completion_ids: Sequence[Sequence[int]] = (),
        **columns: Any,
    ) -> list[float | None]:
        """Score the completions, texts or lists of messages, in their order."""
        import httpx2

        asked = {"prompt": None if prompts is None else texts(prompts), "completion": texts(completions)}
        questions = self._questions(columns | asked, len(completions))
        slots = asyncio.Semaphore(self.max_concurrency)  # it bounds the connections too, so the client need not

        async def score(question: str | None) -> float | None:
            if question is None:
                return None
            async with slots:
                return self._value(await self._answer(client, question))

        # a client belongs to one event loop, and calls may come from several
        async with httpx2.AsyncClient(headers=self._headers(), timeout=None, limits=httpx2.Limits()) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(score(question)) for question in questions]
            except BaseExceptionGroup as failures:
                raise failures.exceptions[0]  # noqa: B904 - it says all; the first one cancelled the others
        return [task.result() for task in tasks]

    @property
    def _url(self) -> str:
        return self.base_url.rstrip("/") + "/chat/completions"

    @cached_property
    def _fields(self) -> list[str]:
        """What the prompt names."""
        return [re.split(r"[.[]", name)[0] for _, name, _, _ in Formatter().parse(self.prompt) if name is not None]

    def _questions(self, columns: Mapping[str, Any], n_rows: int) -> list[str | None]:
        missing = [name for name in self._fields if columns.get(name) is None]
        if missing:
            known = ", ".join(name for name, values in columns.items() if values is not None)
            raise ConfigurationError(
                f"The judge's prompt names {', '.join(map(repr, missing))}, which the data set does not have "
                f"(it has: {known}). Add the column, or give another prompt=."
            )
        return [self._question({name: columns[name][i] for name in self._fields}) for i in range(n_rows)]

    def _question(self, row: Mapping[str, Any]) -> str | None:
        if any(value is None for value in row.values()):
            return None
        try:
            return self.prompt.format(**row)
        except (LookupError, AttributeError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The judge's prompt cannot be filled with {dict(row)!r} ({type(error).__name__}: {error}). "
                "It is a format string: give another prompt=, or repair the row."
            ) from error

    def _headers(self) -> dict[str, str]:
        if self.api_key_env is None:
            return PACKED
        key = os.environ.get(self.api_key_env, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise ConfigurationError(
                f"The judge {self.model!r} needs an API key in the environment variable {self.api_key_env!r}, "
                "which is not set or is no key. Set it, or give another api_key_env=."
            )
        return {**PACKED, "Authorization": f"Bearer {key}"}

    @property
    def _name(self) -> str:
        """What messages call the server."""
        return redacted(self._url)

    def _brief(self, text: str) -> str:
        """The beginning of a foreign text for a message, without the key, which servers and clients may repeat."""
        key = os.environ.get(self.api_key_env or "", "").strip()
        return shown(redacted(text[:READ].replace(key, HIDDEN) if key else text[:READ]), SHOWN)

    async def _answer(self, client: httpx2.AsyncClient, question: str) -> str:
        """What the judge says, asked again until it does or the retries are used up."""
        import httpx2

        body = {"model": self.model, "messages": [{"role": "user", "content": question}], "temperature": 0}
        for attempt in count(1):
            asked_wait = None
            try:
                async with asyncio.timeout(self.timeout), client.stream("POST", self._url, json=body) as response:
                    answer = await _body(response)
            except TimeoutError:
                failure = f"gave no answer within timeout={self.timeout} s"
            except (httpx2.TransportError, zlib.error) as error:
                failure = f"could not be reached or read ({self._brief(error_text(error))})"
            else:
                if response.is_success:
                    return self._content(answer)
                status = response.status_code
                failure = f"answered with status {status}: {self._brief(answer.decode(errors='replace'))}"
                if status in OF_THE_TEXT:
                    raise RewardError(
                        f"{self._name} {failure}. If it refuses this text alone, for its length or what it says, "
                        "textgym.rewards.Lenient lets training go on without the row; if it refuses every text, "
                        f"check base_url, model={self.model!r} and prompt=."
                    )
                if status not in PASSING and status < 500:
                    raise ConfigurationError(
                        f"{self._name} {failure}. Check base_url, model={self.model!r} and the key in "
                        f"api_key_env={self.api_key_env!r}."
                    )
                asked_wait = retry_after(response.headers.get("Retry-After"))
            if attempt > self.retries:
                break
            backoff = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0)
            wait = backoff if asked_wait is None else min(asked_wait, LONGEST_WAIT)
            logger.warning("%s %s; retry %d of %d in %.1f s", self._name, failure, attempt, self.retries, wait)
            await asyncio.sleep(wait)
        raise RewardError(
            f"{self._name} {failure}, at the last of {attempt} attempts. Check that the server is up, ask less of it "
            "(max_concurrency=), or be more patient (retries=, timeout=); textgym.rewards.Lenient lets training go on."
        )

    def _value(self, answer: str) -> float:
        try:
            value = float(self.parse(answer) if callable(self.parse) else _found(self.parse, answer))
            if not 0 <= value <= 1:
                raise ValueError(f"{value} is not in [0, 1]")
        except Exception as error:  # whatever a user's function raises
            raise RewardError(
                f"The judge {self.model!r} answered {self._brief(answer)}, which parse= cannot read "
                f"({self._brief(error_text(error))}). Ask for another form in prompt=, or give a parse= that reads it."
            ) from error
        return value

    def _content(self, answer: bytes) -> str:
        """The text of a chat completion."""
        long = len(answer) > LONGEST_ANSWER
        try:
            text = None if long else json.loads(answer)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            text = None
        if not isinstance(text, str):
            fault = f"more than {LONGEST_ANSWER:,} bytes" if long else "no chat completion that holds a text"
            raise RewardError(
                f"{self._name} answered with {fault}: {self._brief(answer[:READ].decode(errors='replace'))}. "
                "Check that base_url is that of an OpenAI-compatible API and the model one that chats."
            )
        return text


def retry_after(header: str | None) -> float | None:
    """The seconds that a ``Retry-After`` header asks to wait, a number or a date (RFC 9110, 10.2.3); None without one.

    >>> retry_after("120"), retry_after("Fri, 31 Dec 1999 23:59:59 GMT"), retry_after("soon")
    (120.0, 0.0, None)
    """
    if header is None or header.isdecimal():
        return None if header is None else float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _found(pattern: str, answer: str) -> str:
    """The number that a regular expression finds in an answer, as text."""
    found = worker.call(_finder, (pattern,), answer)
    if found is None:
        raise ValueError(f"the search takes longer than {worker.TIME_LIMIT:g} s")
    if not found:
        raise ValueError("it does not match")
    return found[0]


def _finder(pattern: str) -> Callable[[str], list[str]]:
    """A function that returns the first group, or whole match, as a list of one text; an empty one without a match."""
    compiled = re.compile(pattern)
    return lambda answer: [match[min(compiled.groups, 1)] for match in [compiled.search(answer)] if match]


async def _body(response: httpx2.Response) -> bytes:
    """The beginning of an answer, uncompressed: at most one byte more than `LONGEST_ANSWER`, however much is sent."""
    # a client's own decompression makes of each chunk as much as there is in it
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    packed = response.headers.get("Content-Encoding", "identity") in ("gzip", "deflate")
    body = b""
    async for chunk in response.aiter_raw():
        room = LONGEST_ANSWER + 1 - len(body)
        body += unpack.decompress(chunk, room) if packed else chunk[:room]
        if len(body) > LONGEST_ANSWER:
            break
    return body
