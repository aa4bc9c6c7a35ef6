"""Keeps the models loaded that a configuration names, in the versions that stand on disk.

A new version is loaded and warmed up beside the old one, takes over at once, and the old one is closed when its last
call has ended; a version that cannot be loaded leaves the old one where it is. This is what TensorFlow Serving's
AspiredVersionsManager does with its AvailabilityPreservingPolicy.
"""

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Protocol

from serving.errors import Code, ServingError
from serving.interface import Servable, VersionStatus
from serving.models.folders import stamp_of, versions_in
from serving.models.model import ClosableServable, Model, Version
from serving.models.policy import ModelPolicy, policies_of
from serving.shadow import LABEL as SHADOW

_LOAD_THREADS: Final = 2

_log = logging.getLogger(__name__)


class Loads(Protocol):
    """Loads a version; see Loader."""

    def load(self, name: str, version: int, folder: Path) -> ClosableServable: ...


class Lease:
    """A version that is in use, until the block that it is taken in ends. (A class: it is made for every call.)"""

    __slots__ = ("_manager", "_version")

    def __init__(self, manager: "ModelManager", version: Version) -> None:
        self._manager, self._version = manager, version

    def __enter__(self) -> Servable:
        assert self._version.servable is not None
        return self._version.servable

    def __exit__(self, *_: object) -> None:
        self._manager.release(self._version)


class ModelManager:
    """The models that are served; see serving/interface.py.

    Args:
        loader: loads a version.
        poll_seconds: how often to look for new versions; 0 to look once, when the configuration comes.
        labels_for_unavailable: whether a new label may be given to a version that is not there.
        shadows: whether the label `shadow` makes a version one that clients never get unless they name it; it may be
            given to a version before that is there.
    """

    def __init__(
        self, loader: Loads, poll_seconds: float = 1.0, *, labels_for_unavailable: bool = False, shadows: bool = False
    ) -> None:
        self._shadows = shadows
        self._loader, self._poll_seconds = loader, poll_seconds
        self._labels_for_unavailable = labels_for_unavailable
        self._models: Mapping[str, Model] = {}
        self._lock = threading.RLock()
        """Guards versions and their states."""
        self._changed = threading.Condition(self._lock)
        """The same lock; tells of every change of a state."""
        self._configuring = threading.Lock()
        self._pool = ThreadPoolExecutor(_LOAD_THREADS, thread_name_prefix="load")
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_again_and_again, name="versions", daemon=True)

    def start(self, config: Any) -> None:
        """Begins to serve what a ModelServerConfig says, and to look for new versions. Does not wait for models.

        Raises:
            ServingError: as for `apply`, but for what is on disk.
        """
        policies = policies_of(config)
        with self._changed:
            self._models = {name: Model(policy) for name, policy in policies.items()}
        self._look()
        if self._poll_seconds > 0:
            self._watch.start()

    def apply(self, config: Any) -> None:
        """Serves what a ModelServerConfig says from now on; returns when its new models are there.

        Raises:
            ServingError: INVALID_ARGUMENT for a configuration that cannot be, FAILED_PRECONDITION for a label of a
                version that is not served, UNKNOWN for a new model that does not load. All stays as it was then.
        """
        policies = policies_of(config)
        with self._configuring:
            before = self._models
            new = [name for name, policy in policies.items() if _is_new(policy, before.get(name))]
            after = {
                name: Model(policy) if name in new else before[name].with_policy(policy)
                for name, policy in policies.items()
            }
            with self._changed:
                self._check_labels({name: after[name] for name in policies if name not in new}, before)
            candidates = {name: after[name] for name in new}
            self._load_candidates(candidates, before)
            with self._changed:
                self._models = after
                self._changed.notify_all()
            self._retire([model for name, model in before.items() if after.get(name) is not model])
            self._look()

    def wait(self, seconds: float) -> bool:
        """Waits until no version is being loaded; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_busy(self._models.values()), seconds)

    def acquire(self, name: str, version: int | None = None, label: str | None = None) -> "Lease":
        """A version, which stays loaded within: the one named, the one with the label, or the newest.

        Raises:
            ServingError: NOT_FOUND if it is not served, INVALID_ARGUMENT for a label nobody gave, UNAVAILABLE while the
                model's first version is being loaded.
        """
        with self._lock:  # faster than the condition that it is part of
            found = self._found(name, version, label)
            found.users += 1
        return Lease(self, found)

    def release(self, version: Version) -> None:
        """Ends what `acquire` began; the last one closes a version that was retired."""
        with self._lock:
            version.users -= 1
            idle = version.is_retired and not version.users
        if idle:
            self._submit(self._close, version)

    def status(self, name: str, version: int | None = None) -> Sequence[VersionStatus]:
        """Where the versions of a model stand, newest first.

        Raises:
            ServingError: NOT_FOUND, there is no such model, or no such version of it.
        """
        with self._changed:
            model = self._models.get(name)
            known = model.statuses() if model else []
        found = [status for status in known if version in (None, status.version)]
        if not found:
            asked = f"version {version} of model {name}" if version is not None else f"any versions of model {name}"
            raise ServingError(Code.NOT_FOUND, f"Could not find {asked}")
        return found

    def statuses(self) -> Mapping[str, Sequence[VersionStatus]]:
        """Of every model, where its versions stand."""
        with self._changed:
            return {name: model.statuses() for name, model in self._models.items()}

    def availability(self) -> Mapping[str, bool]:
        """Of every model whether a version of it answers."""
        with self._changed:
            return {name: model.newest() is not None for name, model in self._models.items()}

    def shadow_of(self, name: str) -> int | None:
        """The version that is the shadow of a model, if it has one that answers."""
        model = self._models.get(name)
        number = self._shadow(model) if model else None
        return number if model and number is not None and model.available(number) else None

    def _shadow(self, model: Model) -> int | None:
        return model.policy.labels.get(SHADOW) if self._shadows else None

    def stop(self) -> None:
        """Looks and loads no more, and closes what no call uses. Does not wait for a version that is being loaded."""
        self._over.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            idle = [one for model in self._models.values() for one in model.retire() if not one.users]
        for one in idle:
            self._close(one)

    def _found(self, name: str, version: int | None, label: str | None) -> Version:
        model = self._models.get(name)
        if model is None:
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {_request(name, version)}")
        if label is not None:
            if label not in model.policy.labels:
                raise ServingError(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
            version = model.policy.labels[label]
        found = model.newest(self._shadow(model)) if version is None else model.available(version)
        if found is None:
            if model.is_loading_first():
                raise ServingError(Code.UNAVAILABLE, f"Model {name} is being loaded; ask again in a moment.")
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {_request(name, version)}")
        return found

    def _check_labels(self, models: Mapping[str, Model], before: Mapping[str, Model]) -> None:
        for name, model in models.items():
            old = before[name].policy.labels if name in before else {}
            for label, version in model.policy.labels.items():
                if (self._labels_for_unavailable and label not in old) or (self._shadows and label == SHADOW):
                    continue
                if model.available(version) is None and old.get(label) != version:
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {version} of model {name}, which is not currently"
                        " available for inference",
                    )

    def _load_candidates(self, candidates: Mapping[str, Model], before: Mapping[str, Model]) -> None:
        """Loads new models before anybody sees them; closes them again if one fails."""
        for model in candidates.values():
            self._reconcile(model)
        with self._changed:
            self._changed.wait_for(lambda: self._over.is_set() or not self._is_busy(candidates.values()))
            failed = [model for model in candidates.values() if model.newest() is None]
            try:
                if failed:
                    raise ServingError(Code.UNKNOWN, _not_available(failed))
                self._check_labels(candidates, {})
            except ServingError:
                idle = [one for model in candidates.values() for one in model.retire() if not one.users]
                for one in idle:
                    self._submit(self._close, one)
                raise

    def _look_again_and_again(self) -> None:
        while not self._over.wait(self._poll_seconds):
            try:
                self._look()
            except Exception:  # whatever a file system comes up with, the watch goes on
                _log.exception("Looking for new versions failed")

    def _look(self) -> None:
        for model in list(self._models.values()):
            self._reconcile(model)

    def _reconcile(self, model: Model) -> None:
        """Loads what should be there and is not, and retires what should not be there, once it can be spared."""
        try:
            on_disk = versions_in(model.policy.base_path)
        except OSError as error:
            model.tell_once(_log, f"{model.policy.base_path} cannot be read: {error.strerror}")
            return
        chosen = model.policy.chosen(on_disk)
        if not chosen:
            model.tell_once(_log, f"No versions of {model.policy.name} were found in {model.policy.base_path}")
            return
        stamps = {}
        for number in chosen:
            with contextlib.suppress(OSError):  # it is being written or removed; there is a next time
                stamps[number] = stamp_of(on_disk[number])
        with self._changed:
            to_load = model.to_load(on_disk, stamps)
        for version in to_load:
            self._submit(self._load, model, version)
        self._spare(model, chosen)

    def _spare(self, model: Model, chosen: Sequence[int]) -> None:
        """Retires versions that are not chosen, if one that is answers."""
        with self._changed:
            idle = [one for one in model.retire_others(chosen) if not one.users]
            self._changed.notify_all()
        for one in idle:
            self._submit(self._close, one)

    def _retire(self, models: Sequence[Model]) -> None:
        with self._changed:
            kept = {id(one) for model in self._models.values() for one in model.versions.values()}
            gone = [one for model in models for one in model.versions.values() if id(one) not in kept]
            idle = [one for one in gone if one.retire() and not one.users]
        for one in idle:
            self._submit(self._close, one)

    def _load(self, model: Model, version: Version) -> None:
        name = model.policy.name
        try:
            servable = self._loader.load(name, version.number, version.folder)
        except ServingError as error:
            self._failed(name, version, error)
        except Exception as error:  # a model that cannot be loaded must not take the others along
            _log.exception("Loading %s version %d failed unexpectedly", name, version.number)
            self._failed(name, version, ServingError(Code.INTERNAL, f"Loading failed: {type(error).__name__}: {error}"))
        else:
            with self._changed:
                version.served_by(servable)
                unwanted = version.is_retired
                self._changed.notify_all()
            if unwanted:
                self._close(version)
        current = self._models.get(name)
        if current is not None:
            self._reconcile(current)

    def _failed(self, name: str, version: Version, error: ServingError) -> None:
        _log.error("%s version %d is not served: %s", name, version.number, error.message)
        with self._changed:
            version.failed(error)
            self._changed.notify_all()

    def _close(self, version: Version) -> None:
        with self._changed:
            servable = version.ended()
        if servable is None:
            return
        name, number = servable.name, servable.version
        servable.close()
        _log.info("Unloaded %s version %d", name, number)
        with self._changed:
            self._changed.notify_all()

    def _submit(self, function: Any, *args: Any) -> None:
        try:
            self._pool.submit(function, *args)
        except RuntimeError:  # the server ends, and with it all memory
            _log.debug("Not done any more: %s", function)

    @staticmethod
    def _is_busy(models: Any) -> bool:
        return any(one.state in ("START", "LOADING") for model in models for one in model.versions.values())


def _is_new(policy: ModelPolicy, known: Model | None) -> bool:
    return known is None or known.policy.base_path != policy.base_path


def _request(name: str, version: int | None) -> str:
    return f"Latest({name})" if version is None else f"Specific({name}, {version})"


def _not_available(models: Sequence[Model]) -> str:
    reasons = []
    for model in models:
        broken = next((status for status in model.statuses() if status.message), None)
        why = f"version {broken.version}: {broken.message}" if broken else f"no version in {model.policy.base_path}"
        reasons.append(f"{model.policy.name} ({why})")
    return f"{len(models)} servable(s) did not become available: {{{'; '.join(reasons)}}}"
