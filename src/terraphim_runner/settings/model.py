"""The settings, checked. `docs/settings.md` documents each; a test keeps it so."""

from __future__ import annotations

from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat

from terraphim_runner.domain.network import NetworkMode, NetworkPolicy, Rule
from terraphim_runner.domain.quota import Quota
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.pool.limits import Reuse, Strategy
from terraphim_runner.session.admission import WhenFull
from terraphim_runner.workflow.sized_label import SizeRange

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


def _rule(text: str) -> str:
    Rule.parse(text)
    return text


NetworkRule = Annotated[str, AfterValidator(_rule)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class VmTypeSettings(BaseModel):
    """A `[vm_types.NAME]` table; what it leaves out is as in the type `default`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str = Field(min_length=1)
    cpus: int = Field(ge=1, le=64)
    memory_mib: int = Field(ge=128)
    disk_mib: int = Field(ge=256)
    job_memory_mib: int | None = Field(default=None, ge=16)
    processes: int | None = Field(default=None, ge=16)
    cpu_limit: float | None = Field(default=None, ge=0.1)
    io_mib_s: int | None = Field(default=None, ge=1)
    network: NetworkMode = NetworkMode.OPEN
    network_allow: tuple[NetworkRule, ...] = ()

    def as_vm_type(self, name: str) -> VmType:
        """Give the port's value."""
        rules = tuple(map(Rule.parse, self.network_allow))
        policy = NetworkPolicy(self.network, rules)
        quota = Quota(self.job_memory_mib, self.processes, self.cpu_limit, self.io_mib_s)
        return VmType(name, self.image, self.cpus, self.memory_mib, self.disk_mib, policy, quota)


class SizedLabelSettings(BaseModel):
    """The table `[sized_labels]`: what a label such as `vm-4cpu-8gb` may ask for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vm_type: str = "default"
    max_cpus: int = Field(default=0, ge=0, le=64)  # where not set: as many as the machine has
    max_memory_mib: int = Field(default=0, ge=0)  # where not set: half the machine's
    max_disk_mib: int = Field(default=65536, ge=0)


class WorkflowVmTypeSettings(BaseModel):
    """A `[[workflow_vm_types]]` table: which VM type some workflows get, whatever their labels say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workflow: str = "*"
    repository: str = "*"
    vm_type: str


class PoolSettings(BaseModel):
    """The `[pool]` table: what a worker keeps ready."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_idle: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=lambda: {"default": 1})
    max_total: int | None = Field(default=None, ge=1, le=1000)  # None: as many as may be idle and in use
    max_age_s: PositiveFloat = 3600.0
    strategy: Strategy = Strategy.LRU
    reuse: Reuse = Reuse.RESET


class Settings(BaseModel):
    """Everything that can be set, with what holds where nothing is; made by `load_settings`, then unchangeable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: AbsolutePath
    state_dir: AbsolutePath
    provider: ProviderName = ProviderName.QEMU
    accel: Accel = Accel.AUTO
    max_concurrent_sessions: int = Field(default=1, ge=1, le=1000)  # where not set: one for each core
    cpu_overcommit: PositiveFloat = 2.0
    memory_overcommit: PositiveFloat = 0.75
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
    sized_labels: SizedLabelSettings = SizedLabelSettings()
    workflow_vm_types: tuple[WorkflowVmTypeSettings, ...] = ()

    def vm_type(self, name: str) -> VmType:
        """Give one VM type; `name` is a key of `vm_types`."""
        return self.vm_types[name].as_vm_type(name)

    def vm_types_by_label(self) -> Mapping[str, VmType]:
        """Give the VM type that serves each `runs-on` label; labels are in lower case, as GitHub compares them."""
        return {label: self.vm_type(name) for label, name in self.labels.items()}

    def size_range(self) -> SizeRange:
        """Give what labels may ask for by size."""
        sizes = self.sized_labels
        return SizeRange(self.vm_type(sizes.vm_type), sizes.max_cpus, sizes.max_memory_mib, sizes.max_disk_mib)

    def vm_type_for(self, *, workflow: str, repository: str) -> VmType | None:
        """Give the VM type that a workflow gets whatever its labels say: of the tables that match, the first's."""
        for each in self.workflow_vm_types:
            if fnmatchcase(workflow, each.workflow) and fnmatchcase(repository, each.repository):
                return self.vm_type(each.vm_type)
        return None
