"""Evidently's DataDriftPreset with the Kolmogorov-Smirnov test for every column."""

from typing import Any

import numpy as np
from timing import run_columns


def call(what: str, x: Any, y: Any) -> dict[str, float]:
    """One report; how many columns have a p-value of at most .05 by itself."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    names = [f"c{at}" for at in range(x.shape[1])]
    reference, current = pd.DataFrame(x, columns=names), pd.DataFrame(y, columns=names)  # no copy is made
    found = Report([DataDriftPreset(num_method="ks")]).run(current_data=current, reference_data=reference).dict()
    p_values = np.asarray([m["value"] for m in found["metrics"] if m["metric_name"].startswith("ValueDrift")], float)
    return {"least_p_value": float(p_values.min()), "below_level": float((p_values <= 0.05).sum())}


if __name__ == "__main__":
    run_columns(call, ("evidently", "pandas"))
