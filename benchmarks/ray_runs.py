"""Runs of the board side by side, as tasks of Ray (extra ``ray``): on the cores of this machine, or on a cluster."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from benchmarks.interrupts import Interrupts
from benchmarks.perform import Records, Show, measure, perform, resolved
from benchmarks.results_io import ROOT, provenance
from benchmarks.suite import Run, Suite, code_hash
from textgym.errors import ConfigurationError, MissingPackageError, error_text

LOCAL = "local"
RETRIES = 3  # of a run whose worker is lost: more often, and the run is what kills it
SECONDS = 0.5  # between two looks at what the workers have done
OF_THE_NODE = ("versions", "hardware", "threads")  # of a result's provenance; the rest is the command's


def on_ray(
    address: str, runs: Sequence[Run], suite: Suite, where: Mapping[str, Any], show: Show, interrupts: Interrupts
) -> Generator[tuple[Run, dict[str, Any], Records]]:
    """A `Performer`, once it has an address: runs are shared out to the nodes of a cluster.

    Each node has this code at this path. A run has one thread and takes one CPU, or as many as ``OMP_NUM_THREADS``
    says, and a GPU where it is to use one. The run of a worker that is lost is repeated.

    Args:
        address: A cluster's, ``"auto"`` for the one that this machine belongs to, or ``"local"`` for one that is
            started here, listens to this machine alone, and ends with the board.
        runs: See `Performer`, as for the others.
        suite: Theirs.
        where: Its device is ``"cpu"``, ``"cuda"``, or ``"auto"`` for a GPU where the cluster has one.
        show: Called now and then.
        interrupts: What has been received meanwhile.

    Raises:
        MissingPackageError: Ray is not installed.
        ConfigurationError: There is no such cluster, none of its nodes has what a run takes, or one has other code.
    """
    if not runs:
        return
    with _cluster(address) as ray:
        threads = torch.get_num_threads() if "OMP_NUM_THREADS" in os.environ else 1
        where = {**where, "threads": threads}
        takes = needs(ray.nodes(), where["device"], threads)
        affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        here = affinity(ray.get_runtime_context().get_node_id(), soft=False)
        news = ray.remote(num_cpus=0)(News).options(scheduling_strategy=here).remote()  # lost only with the board
        task = ray.remote(perform_here).options(num_cpus=takes["CPU"], num_gpus=takes["GPU"], max_retries=RETRIES)
        pending = {task.remote(_for_any_folder(run), suite, where, news): run for run in runs}
        while pending:
            ended, _ = ray.wait([*pending], timeout=SECONDS)
            interrupts.check()
            by_path = {str(run.path): run for run in pending.values()}
            for path, tokens in ray.get(news.take.remote()).items():
                if path in by_path:  # and has not ended since
                    show(by_path[path], tokens)
            for reference in ended:
                run = pending.pop(reference)
                yield run, *_outcome(ray, reference, run, suite, where)


def _outcome(ray: Any, reference: Any, run: Run, suite: Suite, where: Mapping[str, Any]) -> tuple[Any, Records]:
    """What came out of a run: that its worker was lost too often is a result, like all that an agent does."""
    try:
        result, records = ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # `perform_here` refused
        raise error.cause from None
    except ray.exceptions.RayError:
        return perform(run, suite, where, partial(ray.get, reference))
    return result, records


def _for_any_folder(run: Run) -> Run:
    """A run whose agent's file is found from wherever a node works."""
    return replace(run, agent=replace(run.agent, file=str(run.agent.path.absolute())))


class News:
    """What the workers tell meanwhile: an actor beside the board."""

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}

    def tell(self, path: str, tokens: int) -> None:
        """Note how many tokens a run has generated so far."""
        self.tokens[path] = tokens

    def take(self) -> dict[str, int]:
        """What has been told since the last call."""
        taken, self.tokens = self.tokens, {}
        return taken


def perform_here(run: Run, suite: Suite, where: Mapping[str, Any], news: Any) -> tuple[dict[str, Any], Records]:
    """Perform a run on a node of the cluster.

    Raises:
        ConfigurationError: The node has other code than the board, or not the device.
    """
    torch.set_num_threads(where["threads"])
    here = provenance()
    if (code_hash(), run.agent.source_hash) != (where["code_hash"], run.config["source_hash"]):
        raise ConfigurationError(
            f"A node of the cluster ({here['hardware']}) has other code in {ROOT}, or of the agent {run.agent.name}, "
            "than the board had when it began. Give all nodes the same, for example by a shared folder."
        )
    where = {**where, **{name: here[name] for name in OF_THE_NODE}, "device": resolved(where["device"])}
    path = str(run.path)
    work = partial(measure, run, suite, where["device"], lambda tokens: news.tell.remote(path, tokens), Interrupts())
    return perform(run, suite, where, work)


def needs(nodes: Sequence[Mapping[str, Any]], device: str, threads: int) -> dict[str, int]:
    """The resources that a run takes.

    Raises:
        ConfigurationError: No node has them.
    """
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    gpu = device.startswith("cuda") or (device == "auto" and any(offer.get("GPU", 0) >= 1 for offer in offers))
    takes = {"CPU": threads, "GPU": int(gpu)}
    if not any(all(offer.get(name, 0) >= number for name, number in takes.items()) for offer in offers):
        raise ConfigurationError(
            f"A run takes {takes['CPU']} CPUs and {takes['GPU']} GPUs, which no node of the cluster has: {offers}. Set "
            "OMP_NUM_THREADS to the threads of a run, and --device cpu where there is no GPU."
        )
    return takes


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """Ray, while it is connected.

    Raises:
        MissingPackageError: It is not installed.
        ConfigurationError: There is no cluster of this address, or one of another version.
    """
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0"}
    if address == LOCAL:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray's name for: listen to this machine alone
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise MissingPackageError("--ray needs the package ray: pip install 'textgym[ray]'") from error
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address,
            include_dashboard=False if address == LOCAL else None,
            logging_level=logging.ERROR,
            log_to_driver=False,  # what the workers print would run through the board
            runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"There is no Ray cluster at {address!r} ({error_text(error)}). Give HOST:PORT as `ray start --head` "
            "prints it, auto on one of its machines, or no address for a cluster of this machine alone."
        ) from error
    try:
        signal.signal(signal.SIGTERM, handler)  # Ray has set its own
        yield ray
    finally:
        ray.shutdown()
