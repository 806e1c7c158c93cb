"""Questions: where they come from, how they are checked, and how answers are graded."""
