/** A build_command that makes a real .deb and its .changes in some 50 ms, for tests of everything around a build. */

/** For `build_command`: one package named as the source, holding one file. POSIX sh, dpkg-deb. */
export const QUICK_BUILD = `set -e
export SOURCE_DATE_EPOCH=1767225600
name="\${BUILDME_SOURCE}_\${BUILDME_VERSION#*:}_$BUILDME_ARCH"
mkdir -p tree/DEBIAN "tree/usr/share/$BUILDME_SOURCE"
echo "$BUILDME_VERSION" > "tree/usr/share/$BUILDME_SOURCE/version"
printf 'Package: %s\\nVersion: %s\\nArchitecture: %s\\nMaintainer: Uma Uploader <uma@example.org>\\nSection: misc\\nPriority: optional\\nDescription: made for a test\\n' "$BUILDME_SOURCE" "$BUILDME_VERSION" "$BUILDME_ARCH" > tree/DEBIAN/control
find tree -exec touch -d @1767225600 {} +
dpkg-deb --root-owner-group -Znone -b tree "$BUILDME_OUT/$name.deb"
cd "$BUILDME_OUT"
size=$(stat -c %s "$name.deb")
{
  printf 'Format: 1.8\\nDate: Thu, 01 Jan 2026 00:00:00 +0000\\nSource: %s\\nBinary: %s\\nArchitecture: %s\\nVersion: %s\\nDistribution: %s\\nMaintainer: Uma Uploader <uma@example.org>\\nDescription:\\n %s - made for a test\\nChanges:\\n x\\n' "$BUILDME_SOURCE" "$BUILDME_SOURCE" "$BUILDME_ARCH" "$BUILDME_VERSION" "$BUILDME_SUITE" "$BUILDME_SOURCE"
  for sum in sha1 sha256; do
    case $sum in sha1) echo Checksums-Sha1: ;; *) echo Checksums-Sha256: ;; esac
    echo " $(\${sum}sum "$name.deb" | cut -d' ' -f1) $size $name.deb"
  done
  echo Files:
  echo " $(md5sum "$name.deb" | cut -d' ' -f1) $size misc optional $name.deb"
} > "$name.changes"
`;
