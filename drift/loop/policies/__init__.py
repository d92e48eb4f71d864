"""When to retrain: one protocol, one file for each way to decide."""

from drift.loop.policies.alarm import OnAlarm as OnAlarm
from drift.loop.policies.cost import CostAware as CostAware
from drift.loop.policies.every import Every as Every
from drift.loop.policies.every import Spaced as Spaced
from drift.loop.policies.forecast import FORECAST as FORECAST
from drift.loop.policies.forecast import ForecastBelow as ForecastBelow
from drift.loop.policies.forecast import blocks_ahead as blocks_ahead
from drift.loop.policies.never import Never as Never
from drift.loop.policies.protocol import Decision as Decision
from drift.loop.policies.protocol import History as History
from drift.loop.policies.protocol import Policy as Policy
from drift.loop.policies.schedule import Scheduled as Scheduled
from drift.loop.policies.threshold import BelowThreshold as BelowThreshold
from drift.loop.policies.window import CHANGE as CHANGE
from drift.loop.policies.window import SinceChange as SinceChange
from drift.loop.policies.window import Window as Window
