package hrd

import "golang.org/x/net/publicsuffix"

// IsPublicSuffix reports whether everybody can register names below a domain (com, co.uk, github.io), so that it is nobody's
// home realm. The domain is canonical. Source: https://publicsuffix.org, as of the linked golang.org/x/net; and Entra's own, below which every tenant has
// its initial domain.
func IsPublicSuffix(domain string) bool {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return suffix == domain || tenantSuffixes[domain]
}

// Source: https://learn.microsoft.com/entra/fundamentals/add-custom-domain, and national clouds' guides for the others.
var tenantSuffixes = map[string]bool{
	"onmicrosoft.com": true, "mail.onmicrosoft.com": true, "onmicrosoft.us": true, "mail.onmicrosoft.us": true, "onmschina.cn": true, "partner.onmschina.cn": true,
}

// IsMailProvider reports whether a domain is one at which anybody can get an address (gmail.com), so that it says nothing
// about who employs them. The domain is canonical.
//
// The list holds the largest providers and is not complete: it catches the mistake of an honest admin. What keeps a dishonest
// one from taking a domain is that it must be proven.
func IsMailProvider(domain string) bool { return mailProviders[domain] }

var mailProviders = map[string]bool{
	// Google
	"gmail.com": true, "googlemail.com": true,
	// Microsoft
	"outlook.com": true, "hotmail.com": true, "live.com": true, "msn.com": true, "passport.com": true, "windowslive.com": true,
	"hotmail.co.uk": true, "hotmail.fr": true, "hotmail.de": true, "hotmail.it": true, "hotmail.es": true, "hotmail.com.br": true,
	"live.co.uk": true, "live.fr": true, "live.nl": true, "live.de": true, "live.it": true, "live.com.au": true, "live.ca": true,
	"outlook.de": true, "outlook.fr": true, "outlook.es": true, "outlook.jp": true, "outlook.com.br": true,
	// Apple
	"icloud.com": true, "me.com": true, "mac.com": true, "privaterelay.appleid.com": true,
	// Yahoo and AOL
	"yahoo.com": true, "ymail.com": true, "rocketmail.com": true, "aol.com": true, "aim.com": true, "myyahoo.com": true,
	"yahoo.co.uk": true, "yahoo.fr": true, "yahoo.de": true, "yahoo.it": true, "yahoo.es": true, "yahoo.ca": true, "yahoo.co.jp": true,
	"yahoo.co.in": true, "yahoo.in": true, "yahoo.com.br": true, "yahoo.com.au": true, "yahoo.com.mx": true, "yahoo.com.ar": true, "yahoo.co.id": true,
	// Privacy-minded
	"proton.me": true, "protonmail.com": true, "protonmail.ch": true, "pm.me": true, "tutanota.com": true, "tuta.io": true, "tuta.com": true,
	"fastmail.com": true, "fastmail.fm": true, "hey.com": true, "hushmail.com": true, "mailbox.org": true, "posteo.de": true,
	"duck.com": true, "zoho.com": true, "zohomail.com": true, "mail.com": true, "email.com": true, "gmx.com": true, "gmx.us": true,
	// Europe
	"gmx.de": true, "gmx.net": true, "gmx.at": true, "gmx.ch": true, "web.de": true, "freenet.de": true, "t-online.de": true, "online.de": true,
	"orange.fr": true, "wanadoo.fr": true, "free.fr": true, "laposte.net": true, "sfr.fr": true, "libero.it": true, "virgilio.it": true, "tiscali.it": true,
	"btinternet.com": true, "sky.com": true, "virginmedia.com": true, "talktalk.net": true, "ziggo.nl": true, "kpnmail.nl": true, "xs4all.nl": true,
	"telenet.be": true, "skynet.be": true, "bluewin.ch": true, "seznam.cz": true, "wp.pl": true, "o2.pl": true, "onet.pl": true, "interia.pl": true,
	"abv.bg": true, "ukr.net": true,
	// Russia
	"yandex.ru": true, "yandex.com": true, "ya.ru": true, "mail.ru": true, "bk.ru": true, "inbox.ru": true, "list.ru": true, "rambler.ru": true,
	// Asia
	"qq.com": true, "foxmail.com": true, "163.com": true, "126.com": true, "yeah.net": true, "sina.com": true, "sina.cn": true, "sohu.com": true,
	"139.com": true, "189.cn": true, "aliyun.com": true, "naver.com": true, "daum.net": true, "hanmail.net": true, "nate.com": true, "kakao.com": true,
	"docomo.ne.jp": true, "ezweb.ne.jp": true, "softbank.ne.jp": true, "rediffmail.com": true,
	// America
	"comcast.net": true, "verizon.net": true, "att.net": true, "sbcglobal.net": true, "bellsouth.net": true, "cox.net": true, "charter.net": true,
	"earthlink.net": true, "juno.com": true, "rogers.com": true, "shaw.ca": true, "bell.net": true, "sympatico.ca": true,
	"uol.com.br": true, "bol.com.br": true, "terra.com.br": true, "ig.com.br": true,
}
