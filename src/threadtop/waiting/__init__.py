"""What threads wait for: their system calls in full, fast looks at those that are blocked, who owns their locks."""
