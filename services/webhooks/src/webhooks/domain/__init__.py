"""Rules of delivery that know of nothing else."""
