"""The HPA demo: load in steps from within the cluster, watched, judged and drawn."""
