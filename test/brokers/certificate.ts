import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A key and a certificate for 127.0.0.1 that nobody but itself vouches for. */
export function makeCertificate(): { readonly key: string; readonly certificate: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "qtasks-tls-"));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const owner = ["-subj", "/CN=qtasks", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...owner, "-keyout", key, "-out", certificate], {
    stdio: "pipe",
  });
  return { key, certificate, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
