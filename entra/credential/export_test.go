package credential

// Kept is the number of tokens that e keeps.
func Kept(e *Endpoint) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.kept)
}
