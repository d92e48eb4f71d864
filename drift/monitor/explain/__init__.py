"""Why a batch is bad: its worst rows, how strange they are, and where errors concentrate."""
