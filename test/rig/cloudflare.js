// What ddns asks: Cloudflare's API v4 (List Zones, List DNS Records, Update DNS Record) for one zone with one record,
// and two services that tell an address. ADDRESS PORT TOKEN. PUT /control sets faults, GET /control tells what was asked.
import { createServer } from 'node:http'

const [address, port, token] = process.argv.slice(2)
const record = {
  id: 'r1',
  type: 'A',
  name: 'home.example.org',
  content: '198.51.100.1',
  proxied: true,
  ttl: 1,
}
let state = { fault: 'none', a: '203.0.113.7', b: '203.0.113.7' }
let asked = []

const send = (response, status, body, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
const failed = (response, status, code, message, headers) =>
  send(
    response,
    status,
    { success: false, errors: [{ code, message }], messages: [], result: null },
    headers,
  )
const found = (response, result) =>
  send(response, 200, { success: true, errors: [], messages: [], result })

const FAULTS = {
  limit: response =>
    failed(response, 429, 971, 'Please wait and consider throttling your request speed', {
      'Retry-After': '120',
    }),
  trouble: response => send(response, 503, '<html>503 Service Temporarily Unavailable</html>'),
  garbage: response => send(response, 200, 'not JSON'),
}

const api = (request, response, url, body) => {
  if (request.headers.authorization !== `Bearer ${token}`)
    return failed(response, 403, 9109, 'Invalid access token')
  if (FAULTS[state.fault]) return FAULTS[state.fault](response)
  const path = `${request.method} ${url.pathname}`
  if (path === 'GET /v4/zones') {
    const mine = url.searchParams.get('name') === 'example.org' && state.fault !== 'zone'
    return found(response, mine ? [{ id: 'z1', name: 'example.org' }] : [])
  }
  if (path === 'GET /v4/zones/z1/dns_records') {
    const mine =
      url.searchParams.get('name') === record.name && url.searchParams.get('type') === 'A'
    return found(response, mine && state.fault !== 'record' ? [record] : [])
  }
  if (path === 'PATCH /v4/zones/z1/dns_records/r1') {
    Object.assign(record, JSON.parse(body))
    return found(response, record)
  }
  failed(response, 404, 7003, `Could not route to ${url.pathname}`)
}

createServer((request, response) => {
  let body = ''
  request.on('data', chunk => (body += chunk))
  request.on('end', () => {
    const url = new URL(request.url, 'http://x')
    if (url.pathname === '/control' && request.method === 'PUT') {
      const { content, ...rest } = JSON.parse(body)
      state = { fault: 'none', a: '203.0.113.7', b: '203.0.113.7', ...rest }
      if (content !== undefined) record.content = content
      asked = []
      return send(response, 200, {})
    }
    if (url.pathname === '/control') return send(response, 200, { asked, record })
    if (url.pathname === '/a' || url.pathname === '/b')
      return send(
        response,
        state[url.pathname[1]] === '' ? 500 : 200,
        `${state[url.pathname[1]]}\n`,
      )
    asked.push(`${request.method} ${request.url}${body === '' ? '' : ` ${body}`}`)
    api(request, response, url, body)
  })
}).listen(Number(port), address, () => console.log('listening'))
