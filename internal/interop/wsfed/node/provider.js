'use strict';
// A WS-Federation identity provider made of npm's wsfed and saml. Its configuration is the first line of standard input; its
// address is the first line of standard output; it ends with its standard input.
//
// Configuration: {issuer, cert, key, replies: [address], people: {name: Passport profile}, endpoints: {name: options}}.
// Each endpoint is a provider of its own at /{name}, with metadata below it. Its options are those of wsfed.auth, and:
//   token: "own" (wsfed's: SAML 1.1, by the old saml 1.0 that it brings along), "1.1" or "2.0" (by today's saml, in wsfed's form)
//   unsigned: true (with today's saml)

const http = require('http');
const wsfed = require('wsfed');
const form = require('wsfed/lib/templates').form;
const { Saml11, Saml20 } = require('saml');

const metadataPath = '/FederationMetadata/2007-06/FederationMetadata.xml';
const trust = 'http://schemas.xmlsoap.org/ws/2005/02/trust';
const makers = { '1.1': Saml11, '2.0': Saml20 };
const tokenTypes = {
  '1.1': 'http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1',
  '2.0': 'http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0',
};

function serve(config) {
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://' + request.headers.host);
    const req = Object.assign(request, { originalUrl: request.url, protocol: 'http', query: Object.fromEntries(url.searchParams) });
    const res = Object.assign(response, {
      set: (name, value) => response.setHeader(name, value),
      send: (first, second) => { // express 3: send(body), send(status), send(status, body)
        if (typeof first === 'number') response.statusCode = first;
        response.end(typeof first === 'string' ? first : second);
      },
    });
    const failed = (err) => res.send(500, String(err));
    const [, name] = url.pathname.split('/');
    const options = config.endpoints[name];
    if (!options) return res.send(404);
    if (url.pathname === '/' + name + metadataPath) {
      return wsfed.metadata({ issuer: config.issuer, cert: config.cert })(req, res);
    }
    try {
      answer(config, options, req)(req, res, failed);
    } catch (err) {
      failed(err);
    }
  });
  server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port));
}

// answer is the middleware of an endpoint. The person is the one whom the request names.
function answer(config, options, req) {
  const all = {
    issuer: config.issuer,
    cert: config.cert,
    key: config.key,
    ...options,
    getUserFromRequest: () => config.people[req.query.username],
    getPostURL: (wtrealm, wreply, _, done) => done(null, config.replies.includes(wreply) ? wreply : undefined),
  };
  if (makers[options.token]) {
    all.responseHandler = (res, postUrl, wctx) => respond(all, req, res, postUrl, wctx);
  }
  return wsfed.auth(all);
}

function respond(all, req, res, postUrl, wctx) {
  const mapped = new all.profileMapper(all.getUserFromRequest());
  const make = makers[all.token][all.unsigned ? 'createUnsignedAssertion' : 'create'];
  make({
    lifetimeInSeconds: 3600,
    audiences: all.audience || req.query.wtrealm,
    attributes: mapped.getClaims(),
    recipient: postUrl,
    ...mapped.getNameIdentifier(),
    ...all,
  }, (err, assertion) => {
    if (err) return res.send(500, String(err));
    const wresult = `<t:RequestSecurityTokenResponse xmlns:t="${trust}"><t:RequestedSecurityToken>${assertion}</t:RequestedSecurityToken>` +
      `<t:TokenType>${tokenTypes[all.token]}</t:TokenType></t:RequestSecurityTokenResponse>`;
    res.set('Content-Type', 'text/html');
    res.send(form({ callback: postUrl, wctx, wresult }));
  });
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
