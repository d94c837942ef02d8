package testservers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports that a system gives to outgoing connections begin higher: at 32768 on Linux, elsewhere at 49152 (RFC 6335 section 6).
const (
	lowestPort  = 10_000
	highestPort = 29_999
)

// FreeAddress returns an address of the loopback interface at which nobody listens, for a server that is stopped and comes back there. While it is away
// nobody is given its port: not another test that asks for any port, nor whoever dials it, who would be connected to itself then.
func FreeAddress() (string, error) {
	var last error
	for range 50 {
		address := fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(highestPort-lowestPort+1))
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
		if err == nil {
			return address, l.Close()
		}
		last = err
	}
	return "", fmt.Errorf("no free port: %w", last)
}
