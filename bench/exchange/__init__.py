"""Programs that are no plugins: cases for them on disk, their predictions back as full rows, and what one submits."""
