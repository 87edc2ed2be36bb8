"""What the kernel says: the files of proc(5), read and parsed."""
