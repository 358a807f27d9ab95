import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { spkiFingerprint } from '../../../../services/rpc/node/certificate.js'
import { StartError } from '../../../../services/server/config/start-error.js'
import {
  CERTIFICATE_FILE,
  KEY_FILE,
  loadGivenTls,
  loadOwnTls,
} from '../../../../services/server/config/tls.js'
import { selfSigned } from '../../../support/certificate.js'
import { withFolder } from '../../../support/folder.js'

describe("the server's own certificate", () => {
  test('is made once, for this machine and the names that it is given', async () => {
    await withFolder(async folder => {
      const first = await loadOwnTls(folder, ['chat.example.org', '192.0.2.7'])
      const certificate = new X509Certificate(first.cert)
      for (const name of ['localhost', 'chat.example.org']) expect(certificate.checkHost(name)).toBe(name)
      for (const address of ['127.0.0.1', '::1', '192.0.2.7'])
        expect(certificate.checkIP(address)).toBe(address)
      const tenYears = 10 * 365 * 24 * 3600 * 1000
      expect(new Date(certificate.validTo).getTime()).toBeGreaterThan(Date.now() + tenYears)
      expect(first.fingerprint).toEqual(spkiFingerprint(first.cert))
      expect(await loadOwnTls(folder)).toEqual(first)
    })
  })

  test('has a key that only its owner reads, and leaves no other file', async () => {
    await withFolder(async folder => {
      await loadOwnTls(folder)
      expect((await stat(join(folder, KEY_FILE))).mode & 0o777).toBe(0o600)
      expect((await readdir(folder)).sort()).toEqual([CERTIFICATE_FILE, KEY_FILE])
    })
  })

  test('a kill while it is made leaves nothing half: the key stays, the certificate is made for it', async () => {
    await withFolder(async folder => {
      const whole = await loadOwnTls(folder)
      await rm(join(folder, CERTIFICATE_FILE))
      await writeFile(join(folder, `${CERTIFICATE_FILE}.new`), 'half of a cert')
      const again = await loadOwnTls(folder)
      expect(again.fingerprint).toEqual(whole.fingerprint)
      expect((await readdir(folder)).sort()).toEqual([CERTIFICATE_FILE, KEY_FILE])
    })
  })

  test.each<[string, (folder: string) => Promise<void>, RegExp]>([
    ['a key that is gone', folder => rm(join(folder, KEY_FILE)), /tls-key.pem is missing/],
    ['a damaged key', folder => writeFile(join(folder, KEY_FILE), 'x'), /tls-key.pem holds no private key/],
    [
      'a damaged certificate',
      folder => writeFile(join(folder, CERTIFICATE_FILE), ''),
      /tls-cert.pem holds no cert/,
    ],
    [
      "another's certificate",
      async folder => writeFile(join(folder, CERTIFICATE_FILE), (await selfSigned()).cert),
      /does not belong/,
    ],
  ])('%s is an error that says what to do, and nothing is made anew', async (_, damage, text) => {
    await withFolder(async folder => {
      await loadOwnTls(folder)
      await damage(folder)
      const left = await readdir(folder)
      await expect(loadOwnTls(folder)).rejects.toThrow(StartError)
      await expect(loadOwnTls(folder)).rejects.toThrow(text)
      expect(await readdir(folder)).toEqual(left)
    })
  })
})

describe('a given certificate', () => {
  async function withFiles(
    use: (
      files: { certificateFile: string; keyFile: string },
      pair: { key: string; cert: string },
    ) => Promise<void>,
    options?: Parameters<typeof selfSigned>[0],
  ): Promise<void> {
    await withFolder(async folder => {
      await mkdir(folder)
      const files = { certificateFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
      const pair = await selfSigned(options)
      await writeFile(files.certificateFile, pair.cert)
      await writeFile(files.keyFile, pair.key)
      await use(files, pair)
    })
  }

  test('is used as it is', async () => {
    await withFiles(async (files, { key, cert }) => {
      expect(await loadGivenTls(files)).toEqual({ key, cert, fingerprint: spkiFingerprint(cert) })
    })
  })

  test.each<[string, (files: { certificateFile: string; keyFile: string }) => Promise<void>, RegExp]>([
    [
      'is not there',
      ({ certificateFile }) => rm(certificateFile),
      /cert.pem cannot be read: there is no such file/,
    ],
    ['has no key', ({ keyFile }) => rm(keyFile), /key.pem cannot be read/],
    [
      'is a folder',
      ({ keyFile }) =>
        rm(keyFile)
          .then(() => mkdir(keyFile))
          .then(() => {}),
      /EISDIR/,
    ],
    [
      'is no PEM',
      ({ certificateFile }) => writeFile(certificateFile, 'text'),
      /cert.pem holds no certificate/,
    ],
    [
      'is the key',
      async files => writeFile(files.certificateFile, await readFile(files.keyFile)),
      /cert.pem holds no certificate/,
    ],
    ['has a key that is none', ({ keyFile }) => writeFile(keyFile, 'text'), /key.pem holds no private key/],
    [
      "has another's key",
      async ({ keyFile }) => writeFile(keyFile, (await selfSigned()).key),
      /key.pem does not belong to the certificate/,
    ],
  ])('that %s is an error that names the file', async (_, damage, text) => {
    await withFiles(async files => {
      await damage(files)
      await expect(loadGivenTls(files)).rejects.toThrow(StartError)
      await expect(loadGivenTls(files)).rejects.toThrow(text)
    })
  })

  test('that is over, or not yet valid, is refused', async () => {
    await withFiles(async files => {
      await expect(loadGivenTls(files, new Date('2099-01-01'))).rejects.toThrow(/expired/)
      await expect(loadGivenTls(files, new Date('2001-01-01'))).rejects.toThrow(/valid only from/)
    })
  })
})
