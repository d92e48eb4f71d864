"""Detectors that follow a stream of errors. To add one: its file here, and its import line below."""

from drift.detect.streaming.harm import Harm as Harm
from drift.detect.streaming.protocol import ErrorDetector as ErrorDetector
from drift.detect.streaming.river import Adwin as Adwin
from drift.detect.streaming.river import Ddm as Ddm
from drift.detect.streaming.river import Eddm as Eddm
from drift.detect.streaming.river import Fhddm as Fhddm
from drift.detect.streaming.river import HddmA as HddmA
from drift.detect.streaming.river import HddmW as HddmW
from drift.detect.streaming.river import Kswin as Kswin
from drift.detect.streaming.river import PageHinkley as PageHinkley

STREAMING: dict[str, type[ErrorDetector]] = {
    str(detector.name): detector
    for detector in list(vars().values())
    if isinstance(detector, type) and issubclass(detector, ErrorDetector) and hasattr(detector, "name")
}
"""Every detector of this folder by its name; each is made from a reference alone, and has options with defaults."""
