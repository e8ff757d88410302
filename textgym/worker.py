"""Foreign code under a time limit, such as a verifier that evaluates what an agent wrote, or a regular expression.

It runs in a second process, which is started at the first call, serves all later ones, ends itself when the time of a
call is up, and is replaced after that. A limit within this process would not do: code in C, such as the power in
``9**9**9``, lets no other thread or signal handler run. The process is a guard against texts that hang or crash, not
against malice: what evaluates texts may do there whatever this user may.
"""

from __future__ import annotations

import atexit
import faulthandler
import hashlib
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Any

from textgym.errors import ConfigurationError, TextGymError, shown

logger = logging.getLogger(__name__)

TIME_LIMIT = 2.0  # seconds for one call
TIME_LOST = 30.0  # seconds after which calls that are made together, and of which one ended a worker, are given up
REMEMBERED = 1_000  # calls that ended a worker, and are not made again

ENDED, RAISED, RETURNED = "ended", "raised", "returned"


class ForeignCodeError(TextGymError):
    """Foreign code that raised in the worker; says what."""


def call(make: Callable[..., Callable[..., Any]], given: tuple[Hashable, ...], *arguments: Any) -> Any:
    """What ``make(*given)(*arguments)`` returns in the worker, or None if that takes too long or ends the process.

    Such a call is logged, once: it is remembered, and answered with None when it comes again.

    Args:
        make: Makes the function, without a time limit and once per worker. Everything here must be picklable.
        given: What `make` is called with.
        *arguments: Those of the function, of which the first is named in the log. It has `TIME_LIMIT` seconds.

    Raises:
        ForeignCodeError: It raises.
        ConfigurationError: No worker can be started.
    """
    (value,) = call_each(make, [(given, arguments)])
    if isinstance(value, ForeignCodeError):
        raise value
    return value


def call_each(make: Callable[..., Callable[..., Any]], calls: Iterable[tuple[tuple[Hashable, ...], Any]]) -> list[Any]:
    """What `call` returns for each of many calls; the worker gets them together, which is far faster.

    Where some end it, those that are left after `TIME_LOST` seconds are not made, and logged: a batch of such texts
    would take minutes. They are not remembered.

    Args:
        make: As for `call`.
        calls: Pairs of ``given`` and ``arguments``.

    Returns:
        The values, with a `ForeignCodeError` in place of one that could not be had because the call raises.

    Raises:
        ConfigurationError: No worker can be started.
    """
    calls = [*calls]
    requests = [pickle.dumps((make, given, arguments, TIME_LIMIT)) for given, arguments in calls]
    keys = [hashlib.sha256(request).digest() for request in requests]
    values: list[Any] = [None] * len(calls)
    worker = _WORKERS.setdefault(os.getpid(), _Worker())
    with worker.lock:
        began = time.monotonic()
        left = [*range(len(calls))]
        while left := [place for place in left if keys[place] not in worker.fatal]:
            answers = worker.answers([requests[place] for place in left])
            for place, (outcome, value) in zip(left, answers, strict=False):
                if outcome == ENDED:
                    worker.remember(keys[place])
                    given, arguments = calls[place]
                    logger.warning(
                        "%s made %s of %s take longer than %g s, or crash (exit status %s): it has no result.",
                        shown(arguments[0]), make.__qualname__, shown(given), TIME_LIMIT, value,
                    )  # fmt: skip
                else:
                    values[place] = ForeignCodeError(value) if outcome == RAISED else value
            left = left[len(answers) :]
            if left and time.monotonic() - began > TIME_LOST:
                logger.warning("%d more calls of %s are not made: others took too long.", len(left), make.__qualname__)
                break
    return values


class _Worker:
    """The second process, as seen from the first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # one call at a time
        self.fatal: OrderedDict[bytes, None] = OrderedDict()
        self.process: subprocess.Popen[bytes] | None = None

    def answers(self, calls: list[bytes]) -> list[tuple[str, Any]]:
        """How each call ended, and its value, what it raised, or the process's exit status, after which none comes."""
        if self.process is None or self.process.poll() is not None:
            self.stop()
            self.process = _started()
        requests, answers = self.process.stdin, self.process.stdout
        assert requests is not None and answers is not None
        ended: list[tuple[str, Any]] = []
        try:
            pickle.dump(calls, requests)  # the worker reads all before it answers: neither waits for the other
            requests.flush()
            while len(ended) < len(calls):
                ended.append(pickle.load(answers))
        except (EOFError, OSError, pickle.UnpicklingError):
            ended.append((ENDED, self.process.wait()))
        finally:
            # also where this process was interrupted: the answers would be taken for those of the next calls
            if len(ended) < len(calls) or ended[-1][0] == ENDED:
                self.stop()
        return ended

    def remember(self, key: bytes) -> None:
        self.fatal[key] = None
        if len(self.fatal) > REMEMBERED:
            self.fatal.popitem(last=False)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()  # waits, and closes the pipes
            self.process = None


_WORKERS: dict[int, _Worker] = {}  # by process: a forked one must not talk into its parent's pipes


@atexit.register
def _stop() -> None:
    if os.getpid() in _WORKERS:
        _WORKERS[os.getpid()].stop()


def _started() -> subprocess.Popen[bytes]:
    # not by multiprocessing: a daemonic process, such as SB3's SubprocVecEnv starts, may not have children there,
    # and a script without `if __name__ == "__main__"` would run a second time
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from textgym import worker; worker.serve()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    if not process.stdout.read(1):
        raise ConfigurationError(
            f"No second process could be started with {sys.executable!r}, in which verifiers and regular expressions "
            f"run under a time limit (exit status {process.wait()}). Check that it can run `import textgym`."
        )
    return process


def serve() -> None:
    """Answer calls from the standard input, until it is closed; this is all that the worker does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process, which ends this one
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = Path(os.devnull).open("r+b", buffering=0)  # noqa: SIM115 - as long as this process
    for stream in range(3):  # foreign code may read and print
        os.dup2(nowhere.fileno(), stream)
    clock = _Clock(nowhere)

    @lru_cache(maxsize=256)
    def made(make: Callable[..., Callable[..., Any]], *given: Hashable) -> Callable[..., Any]:
        clock.stop()  # it may have to import much
        return make(*given)

    answers.write(b"!")
    answers.flush()
    while True:
        try:
            calls = pickle.load(requests)
        except EOFError:
            return
        for call in calls:
            answers.write(_answer(call, made, clock))
            answers.flush()
        clock.stop()


def _answer(call: bytes, made: Callable[..., Callable[..., Any]], clock: _Clock) -> bytes:
    try:
        make, given, arguments, limit = pickle.loads(call)
        function = made(make, *given)
        clock.start(limit)
        return pickle.dumps((RETURNED, function(*arguments)))
    except Exception as error:  # whatever foreign code raises
        return pickle.dumps((RAISED, f"{type(error).__name__}: {error}"))


class _Clock:
    """Ends this process if a call takes longer than its limit, or at most a tenth more.

    To start it takes longer than a quick call, which is why such calls share one start.
    """

    def __init__(self, log: FileIO) -> None:
        self.log = log
        self.started = -math.inf

    def start(self, limit: float) -> None:
        now = time.monotonic()
        if now - self.started > limit / 10:
            # the only clock that code in C does not stop; where this process is not ended by it, it is by an exit
            faulthandler.dump_traceback_later(1.1 * limit, exit=True, file=self.log)
            self.started = now

    def stop(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self.started = -math.inf
