# Sourced by build.sh and pack.sh, in the root that has rpmbuild.

# The upstream part of a Debian version, as RPM accepts it.
upstream() { sed 's/^[0-9]*://; s/-[^-]*$//; s/[^A-Za-z0-9.+~]/./g' <<<"$1"; }

build() { # spec, directory of the RPMs
  rpmbuild -bb --quiet --define "_rpmdir $2" --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
    --define '_binary_payload w.ufdio' --define '__os_install_post %{nil}' --define '_build_id_links none' \
    --define 'debug_package %{nil}' --define '_topdir /build/rpmbuild' --define '_unpackaged_files_terminate_build 0' "$1"
}
