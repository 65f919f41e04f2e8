"""Rules about devices: habits that cost time, and the most that dropping them could save."""
