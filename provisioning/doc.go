// Package provisioning decides which of the host's users a verified identity is, and keeps that user up to date.
//
// [Decide] is the whole linking decision as a pure function; a [Provisioner] applies it to the host's [UserStore] exactly once,
// however many machines see the person at the same moment. An email address alone never signs anyone in.
package provisioning
