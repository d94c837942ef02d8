// Package wsfed is a WS-Federation passive relying party for Microsoft Entra ID and AD FS.
//
// [RelyingParty] stands alone and knows no connection; [Protocol] plugs it into an entra.Service.
package wsfed
