"""What a notebook shows: publishing, the figures' style, plots of each chapter, players."""
