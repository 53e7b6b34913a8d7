// Compares the vendored files of the console with the packages that npm publishes:
// node .ci/vendored.mjs. versions.json names package, version, licence and integrity.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const root = "internal/console/assets/vendored";
const packages = JSON.parse(readFileSync(join(root, "versions.json"), "utf8"));
const work = mkdtempSync(join(tmpdir(), "vendored-"));
const problems = [];
const known = new Set(["versions.json"]);

try {
  for (const one of packages) {
    const spec = `${one.package}@${one.version}`;
    const packed = JSON.parse(execFileSync("npm", ["pack", spec, "--json", "--pack-destination", work], { stdio: ["ignore", "pipe", "inherit"] }))[0];
    const archive = join(work, packed.filename);
    const sum = "sha512-" + createHash("sha512").update(readFileSync(archive)).digest("base64");
    if (sum !== one.integrity) problems.push(`${spec}: the published archive has ${sum}`);
    execFileSync("tar", ["-xzf", archive, "-C", work]);
    const licence = JSON.parse(readFileSync(join(work, "package", "package.json"), "utf8")).license;
    if (licence !== one.licence) problems.push(`${spec}: the published licence is ${licence}`);
    for (const [file, published] of Object.entries(one.files)) {
      known.add(file);
      if (!readFileSync(join(root, file)).equals(readFileSync(join(work, published)))) problems.push(`${file}: differs from ${published} of ${spec}`);
    }
    rmSync(join(work, "package"), { recursive: true });
  }
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = relative(root, join(entry.parentPath ?? entry.path, entry.name));
    if (entry.isFile() && !known.has(file)) problems.push(`${file}: not in versions.json`);
  }
} finally {
  rmSync(work, { recursive: true });
}

if (packages.length === 0) problems.push("versions.json names no packages");
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${packages.length} vendored packages are the published ones`);
