"""Kernels: how alike two rows are. To add one: its file here, and its import line below."""

from drift.detect.two_sample.kernels.gaussian import Gaussian as Gaussian
from drift.detect.two_sample.kernels.inverse_multiquadric import InverseMultiquadric as InverseMultiquadric
from drift.detect.two_sample.kernels.laplacian import Laplacian as Laplacian
from drift.detect.two_sample.kernels.protocol import Kernel as Kernel
from drift.detect.two_sample.kernels.protocol import KernelDistance as KernelDistance
from drift.detect.two_sample.kernels.rational_quadratic import RationalQuadratic as RationalQuadratic

KERNELS: dict[str, Kernel] = {
    str(kernel.name): kernel()  # type: ignore[attr-defined]
    for kernel in list(vars().values())
    if isinstance(kernel, type) and hasattr(kernel, "frequencies") and kernel is not Kernel
}
"""Every kernel of this folder by its name, as the command line and `kernel="..."` call it."""
