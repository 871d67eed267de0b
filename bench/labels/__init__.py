"""Ground truth on real data: the join of flights that land late, and the alerts of months of car loans."""
