// Requests to names such as login.microsoftonline.com, sent to a server of the test on this machine instead.
import https from 'node:https';

export function loopback({ port, ca }) {
  return (address, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(address);
      const text = body === undefined || body === null ? undefined : String(body);
      const request = https.request({
        host: '127.0.0.1', port, ca, servername: url.hostname, method, path: url.pathname + url.search, agent: false,
        headers: { ...headers, host: url.host, ...(text && { 'content-length': Buffer.byteLength(text) }) },
      });
      request.on('error', reject);
      request.on('response', async (response) => {
        const chunks = [];
        for await (const chunk of response) chunks.push(chunk);
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() });
      });
      request.end(text);
    });
}
