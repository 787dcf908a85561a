/** Status lines with the reason phrases of etcd's HTTP library, formatted once. */
const reasons: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  414: 'Request URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

const lines11 = new Map<number, string>();
const lines10 = new Map<number, string>();

/** 'HTTP/1.1 200 OK\r\n' */
export function statusLine(status: number, minorVersion: number): string {
  const lines = minorVersion === 1 ? lines11 : lines10;
  const known = lines.get(status);
  if (known !== undefined) return known;
  if (!Number.isInteger(status) || status < 100 || status > 999)
    throw new RangeError(`not an HTTP status: ${status}`);
  const line = `HTTP/1.${minorVersion} ${status} ${reasons[status] ?? `status code ${status}`}\r\n`;
  lines.set(status, line);
  return line;
}

export function reasonPhrase(status: number): string {
  return reasons[status] ?? `status code ${status}`;
}

/** Answers that never carry a body, and so no Content-Length either (RFC 9110, 6.4.1). */
export function isBodyless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}
