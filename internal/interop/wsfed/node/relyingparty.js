'use strict';
// A WS-Federation relying party made of npm's passport-wsfed-saml2. Its configuration is the first line of standard input; its
// address is the first line of standard output; it ends with its standard input.
//
// Configuration: {applications: {name: {realm, provider, metadata}}}: wtrealm, address of the passive endpoint, address of the federation
// metadata. GET /{name} redirects to the provider; a POST to /{name} answers with the profile that Passport would hand to
// the application, or with 401 and {error}.

const http = require('http');
const crypto = require('crypto');
const { DOMParser } = require('@auth0/xmldom');
const { Strategy } = require('passport-wsfed-saml2');

const metadataNS = 'urn:oasis:names:tc:SAML:2.0:metadata';
const dsigNS = 'http://www.w3.org/2000/09/xmldsig#';
const xsiNS = 'http://www.w3.org/2001/XMLSchema-instance';

// thumbprints of the keys with which the security token service of a metadata document signs.
async function thumbprints(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error('metadata: ' + answer.status);
  const document = new DOMParser().parseFromString((await answer.text()).replace(/^\uFEFF/, ''));
  const found = [];
  for (const role of Array.from(document.getElementsByTagNameNS(metadataNS, 'RoleDescriptor'))) {
    if (!role.getAttributeNS(xsiNS, 'type').endsWith('SecurityTokenServiceType')) continue;
    for (const key of Array.from(role.getElementsByTagNameNS(metadataNS, 'KeyDescriptor'))) {
      if (key.getAttribute('use') !== 'signing') continue;
      for (const certificate of Array.from(key.getElementsByTagNameNS(dsigNS, 'X509Certificate'))) {
        found.push(crypto.createHash('sha1').update(Buffer.from(certificate.textContent, 'base64')).digest('hex'));
      }
    }
  }
  return found;
}

// authenticate runs the strategy as Passport does: with its actions, on a copy for this request.
function authenticate(strategy, req, options) {
  return new Promise((resolve, reject) => {
    const own = Object.create(strategy);
    own.success = (user) => resolve({ user });
    own.redirect = (location) => resolve({ location });
    own.fail = (challenge) => reject(challenge instanceof Error ? challenge : new Error(String(challenge)));
    own.error = reject;
    own.authenticate(req, options);
  });
}

async function handle(config, self, req, res) {
  const url = new URL(req.url, self);
  const application = config.applications[url.pathname.slice(1)];
  if (!application) return res.writeHead(404).end();
  const strategy = new Strategy({
    realm: application.realm,
    homeRealm: '',
    wreply: self + url.pathname,
    identityProviderUrl: application.provider,
    thumbprints: await thumbprints(application.metadata),
    recipientUrl: self + url.pathname,
  }, (profile, done) => done(null, profile));

  let body = '';
  req.setEncoding('utf8');
  for await (const chunk of req) body += chunk;
  req.body = Object.fromEntries(new URLSearchParams(body));
  req.query = Object.fromEntries(url.searchParams);
  try {
    const { user, location } = await authenticate(strategy, req, { wctx: req.query.wctx });
    if (location) return res.writeHead(302, { Location: location }).end();
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ wctx: req.body.wctx, profile: user }));
  } catch (err) {
    res.writeHead(401, { 'Content-Type': 'application/json' }).end(JSON.stringify({ error: err.message }));
  }
}

function serve(config) {
  const server = http.createServer((req, res) => {
    const self = 'http://127.0.0.1:' + server.address().port;
    handle(config, self, req, res).catch((err) => res.writeHead(500).end(String(err)));
  });
  server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port));
}

let input = '';
let started = false;
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  input += chunk;
  const end = input.indexOf('\n');
  if (started || end < 0) return;
  started = true;
  serve(JSON.parse(input.slice(0, end)));
});
process.stdin.on('end', () => process.exit(0));
