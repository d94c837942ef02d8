package lastgood

// Turns returns how much is known of hosts and of what waits for them.
func (c *Cache[K, V]) Turns() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turns.busy + len(c.turns.hosts) + c.turns.queue.Len()
}
