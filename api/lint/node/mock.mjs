// Runs COMMAND against a Prism mock of SPEC: node mock.mjs SPEC PRISM COMMAND…
// Prism answers the operations; the token endpoint, which is none, is answered here.
import { spawn } from 'node:child_process';
import http from 'node:http';

const [spec, prism, ...command] = process.argv.slice(2);
const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));

const probe = http.createServer();
const mockPort = await listen(probe);
await new Promise((done) => probe.close(done));
const mock = spawn(process.execPath, [prism, 'mock', '--errors', '-h', '127.0.0.1', '-p', String(mockPort), spec]);
let log = '';
await new Promise((ready, failed) => {
  const read = (text) => { log += text; if (log.includes('listening on')) ready(); };
  mock.stdout.on('data', read);
  mock.stderr.on('data', read);
  mock.on('exit', () => failed(new Error(`Prism ended:\n${log}`)));
});
mock.removeAllListeners('exit');

const front = http.createServer((request, response) => {
  if (request.url === '/token/') {
    response.setHeader('Content-Type', 'application/json');
    response.end('{"access_token": "mock", "token_type": "Bearer", "expires_in": 36000}');
    return;
  }
  const onward = http.request({ port: mockPort, host: '127.0.0.1', path: request.url, method: request.method, headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', (error) => response.destroy(error));
  request.pipe(onward);
});
const base = `http://127.0.0.1:${await listen(front)}`;
const run = spawn(command[0], command.slice(1), {
  stdio: 'inherit',
  env: {
    ...process.env, BASE: base, COSMIC_BASE_URL: base, COSMIC_ACCESS_TOKEN: 'mock',
    CERTN_BASE_URL: base, CERTN_CLIENT_ID: 'mock', CERTN_CLIENT_SECRET: 'mock',
  },
});
run.on('exit', (code) => {
  mock.kill();
  if (code !== 0) console.error(log);
  process.exit(code ?? 1);
});
