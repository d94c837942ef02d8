package outbound

// PublicOnly is what the default client asks before each connection, with the address that DNS gave.
func PublicOnly(address string) error { return publicOnly("tcp", address, nil) }
