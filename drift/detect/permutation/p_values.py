"""P-values as text: the one rounding that terminal, question, report and pages share."""

from __future__ import annotations

SMALLEST_SHOWN = 1e-12  # below, only the order of magnitude is left, and independence of rows does not hold that far


def format_p_value(p_value: float) -> str:
    """A p-value at two significant digits, in at most 7 characters, never as 0.

    Args:
        p_value: in [0, 1].

    >>> [format_p_value(p) for p in (0.0143, 0.0196, 3.81e-05, 2.5e-95, 1.0)]
    ['0.014', '0.02', '3.8e-05', '< 1e-12', '1']
    """
    return f"< {SMALLEST_SHOWN:.0e}" if p_value < SMALLEST_SHOWN else f"{p_value:.2g}"


def p_text(p_value: float) -> str:
    """The same behind the letter p.

    >>> p_text(0.0312), p_text(1e-30)
    ('= 0.031', '< 1e-12')
    """
    text = format_p_value(p_value)
    return text if text.startswith("<") else f"= {text}"
