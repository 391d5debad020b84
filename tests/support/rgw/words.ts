export const HOW_TO_INSTALL =
  'On Debian and Ubuntu: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common';

export const LEFT_OUT = `The S3 suite is left out: radosgw is not installed here. ${HOW_TO_INSTALL}; then npx vitest run tests/integration/s3`;
