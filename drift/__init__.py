"""drift: watch a deployed model age and heal.

The rooms, from the ground up: `errors`, `blocks` and `metrics`; `data`, `sources` and `detect`; `models`, `tracking`,
`policies` and `serving`; `loop`, `images` and `report`; `cli`. Imports point downwards only (docs/decisions/0001).
"""

__version__ = "0.2.0"
