"""The settings, checked. `docs/settings.md` documents each; a test keeps it so."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat

from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.pool.limits import Reuse, Strategy
from terraphim_runner.session.admission import WhenFull

if TYPE_CHECKING:
    from collections.abc import Mapping


class ProviderName(Enum):
    """What runs the VMs."""

    QEMU = "qemu"
    PROCESS = "process"  # no isolation: must be asked for by name
    MEMORY = "memory"  # runs nothing: for tests


class Accel(Enum):
    """What executes a guest's instructions."""

    AUTO = "auto"  # KVM where it is measured to be fast, else TCG
    KVM = "kvm"
    TCG = "tcg"


class Network(Enum):
    """What a guest reaches."""

    USER = "user"  # whatever this machine's processes reach
    NONE = "none"


class LogLevel(Enum):
    """How much of its own doings the engine tells."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _absolute(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class VmTypeSettings(BaseModel):
    """A `[vm_types.NAME]` table; what it leaves out is as in the type `default`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str = Field(min_length=1)
    cpus: int = Field(ge=1, le=64)
    memory_mib: int = Field(ge=128)
    disk_mib: int = Field(ge=256)

    def as_vm_type(self, name: str) -> VmType:
        """Give the port's value."""
        return VmType(name, self.image, self.cpus, self.memory_mib, self.disk_mib)


class PoolSettings(BaseModel):
    """The `[pool]` table: what a worker keeps ready."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_idle: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=lambda: {"default": 1})
    max_total: int | None = Field(default=None, ge=1, le=1000)  # None: as many as may be idle and in use
    max_age_s: PositiveFloat = 3600.0
    strategy: Strategy = Strategy.LRU
    reuse: Reuse = Reuse.RESET
    overcommit_cpu: PositiveFloat = 4.0
    overcommit_memory: PositiveFloat = 0.75


class Settings(BaseModel):
    """Everything that can be set, with what holds where nothing is; made by `load_settings`, then unchangeable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: AbsolutePath
    state_dir: AbsolutePath
    provider: ProviderName = ProviderName.QEMU
    accel: Accel = Accel.AUTO
    network: Network = Network.USER
    max_concurrent_sessions: int = Field(default=1, ge=1, le=1000)  # where not set: `HostCapacity.max_sessions`
    when_full: WhenFull = WhenFull.WAIT
    max_parallel_jobs: int | None = Field(default=None, ge=1, le=256)  # never more than the VM's processors
    session_timeout_s: PositiveFloat = 600.0
    boot_timeout_s: PositiveFloat = 60.0
    restore_timeout_s: PositiveFloat = 15.0
    release_timeout_s: PositiveFloat = 30.0
    heartbeat_interval_s: PositiveFloat = 5.0
    heartbeat_timeout_s: PositiveFloat = 30.0
    log_level: LogLevel = LogLevel.WARNING
    metrics_address: str = Field(default="", pattern=r"^$|^[\w.:\[\]-]+:\d{1,5}$")
    traces_endpoint: str = Field(default="", pattern=r"^$|^https?://.")
    pool: PoolSettings = Field(default_factory=PoolSettings)
    vm_types: dict[str, VmTypeSettings]
    labels: dict[str, str]

    def vm_type(self, name: str) -> VmType:
        """Give one VM type; `name` is a key of `vm_types`."""
        return self.vm_types[name].as_vm_type(name)

    def vm_types_by_label(self) -> Mapping[str, VmType]:
        """Give the VM type that serves each `runs-on` label; labels are in lower case, as GitHub compares them."""
        return {label: self.vm_type(name) for label, name in self.labels.items()}
