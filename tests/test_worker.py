"""Foreign code under a time limit, in a process that may be lost."""

import functools
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from textgym import worker

ABORT = "__import__('os').abort()"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(worker, "TIME_LIMIT", 0.3)


def run(function, *arguments):
    return worker.call(functools.partial, (function,), *arguments)


def process_id():
    return run(eval, "__import__('os').getpid()")


def test_calls_share_a_process_that_is_another():
    assert process_id() == process_id() != os.getpid()
    assert run(len, "four") == 4


@pytest.mark.parametrize(
    ("function", "argument"),
    [(time.sleep, 60), (functools.partial(pow, 9), 9**9), (os._exit, 3), (sys.exit, 3), (eval, ABORT)],
)
def test_what_hangs_or_crashes_ends_its_own_process_alone(function, argument, caplog):
    before = process_id()
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="textgym"):
        assert run(function, argument) is None
        assert run(function, argument) is None  # remembered: it takes no time, and is no news
    assert time.monotonic() - began < 10
    assert len(caplog.records) == 1 and repr(argument) in caplog.text
    assert run(len, "four") == 4 and process_id() != before


def test_what_it_raises_is_said():
    with pytest.raises(worker.ForeignCodeError, match=r"ValueError: invalid literal for int\(\) .* 'z'"):
        run(int, "z")
    assert run(int, "7") == 7


def test_what_it_prints_or_reads_is_not_taken_for_an_answer(capfd):
    assert run(print, "7") is None and run(eval, "open(0).read()") == ""
    assert run(len, "four") == 4
    assert capfd.readouterr() == ("", "")


def test_an_interrupted_call_leaves_no_answer_behind(monkeypatch):
    monkeypatch.setattr(worker, "TIME_LIMIT", 30.0)
    run(len, "four")  # it is up

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(time.sleep, 0.3)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert run(len, "four") == 4


def test_threads_take_turns():
    values = {}
    threads = [threading.Thread(target=lambda n=n: values.update({n: run(len, "a" * n)})) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == {n: n for n in range(20)}


def test_a_forked_process_has_a_worker_of_its_own():
    own = process_id()
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, str(process_id()).encode())
        worker._stop()
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reading, 20)) != own == process_id()
    os.close(reading)
    os.close(writing)


def test_scripts_without_a_main_guard_and_daemonic_processes_may_call(tmp_path):
    # multiprocessing would run the script again, and refuses children to the processes of SB3's SubprocVecEnv
    script = tmp_path / "script.py"
    script.write_text(
        "import functools, multiprocessing\nfrom textgym import worker\n"
        "call = functools.partial(worker.call, functools.partial, (len,), 'four')\n"
        "print('once', call())\n"
        "process = multiprocessing.get_context('fork').Process(target=lambda: print(call()), daemon=True)\n"
        "process.start(); process.join()\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."}
    )
    assert (done.stdout, done.stderr) == ("once 4\n4\n", "")


def test_calls_made_together_end_each_as_it_would_alone(caplog):
    fine, fatal = [(len, "a"), (int, "z"), (len, "bc")], [(time.sleep, 70), (os._exit, 4), (time.sleep, 70)]
    mixed = [*fine[:2], *fatal, fine[2]]
    calls = [((function,), (argument,)) for function, argument in mixed]
    for _ in range(2):
        values = worker.call_each(functools.partial, calls)
        assert isinstance(values.pop(1), worker.ForeignCodeError)
        assert values == [1, None, None, None, 2]
    assert len(caplog.records) == 2


def test_a_batch_of_calls_that_hang_is_given_up(monkeypatch, caplog):
    """Each costs its limit and a new worker: a step would take minutes."""
    monkeypatch.setattr(worker, "TIME_LOST", 0.1)
    calls = [((time.sleep,), (80 + n,)) for n in range(64)] + [((len,), ("a",))]
    began = time.monotonic()
    assert worker.call_each(functools.partial, calls) == [None] * 65
    assert time.monotonic() - began < 5
    assert "64 more calls" in caplog.text
    assert worker.call_each(functools.partial, calls[-1:]) == [1]
