// Command quickstart is an auth server with enterprise connections, and a fake Entra to sign in at.
package main

func main() {}
