"""From rows to figures: what a run measured, computed late and exactly. No Locust, no SDK."""
