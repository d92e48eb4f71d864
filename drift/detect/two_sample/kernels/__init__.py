"""Kernels: how alike two rows are. To add one: its file here, and its import line below."""

from drift.detect.two_sample.kernels.distances import Gaussian as Gaussian
from drift.detect.two_sample.kernels.distances import InverseMultiquadric as InverseMultiquadric
from drift.detect.two_sample.kernels.distances import Laplacian as Laplacian
from drift.detect.two_sample.kernels.distances import RationalQuadratic as RationalQuadratic
from drift.detect.two_sample.kernels.protocol import Kernel as Kernel
from drift.detect.two_sample.kernels.protocol import KernelDistance as KernelDistance

KERNELS: dict[str, Kernel] = {
    str(kernel.name): kernel()  # type: ignore[attr-defined]
    for kernel in list(vars().values())
    if isinstance(kernel, type) and hasattr(kernel, "frequencies") and kernel is not Kernel
}
"""Every kernel of this folder by its name, as the command line and `kernel="..."` call it."""
