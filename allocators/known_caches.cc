// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/known_caches.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "allocators/model_kernel.h"

namespace slablab {
namespace {

struct Since {
  std::string_view cache;
  ModelKernel kernel = kLinux61;
};

// 6.1, 6.12, 7.2 and 7.3 were read; where a flag came between two of them, the version is that of
// the change.
constexpr Since kTypesafe[] = {
    {"anon_vma"},
    {"bfilp", {.version = 7, .patchlevel = 2}},
    {"execute_cb"},
    {"filp", {.version = 6, .patchlevel = 7}},
    {"i915_dependency"},
    {"i915_request"},
    {"jbd2_journal_head"},
    {"nf_conntrack"},
    {"p9_req_t"},
    {"request_sock_subflow_v4"},
    {"request_sock_subflow_v6"},
    {"sighand_cache"},
    {"swap_table", {.version = 7, .patchlevel = 2}},
    {"vm_area_struct", {.version = 6, .patchlevel = 15}},
};

// Protocols whose sockets are (struct proto.slab_flags), and so what stands for sockets that are to
// be or were.
constexpr std::string_view kTypesafeProtocols[] = {"DCCP", "DCCPv6", "LLC", "MPTCP", "MPTCPv6",
                                                   "SMC",  "SMC6",   "TCP", "TCPv6"};

constexpr std::string_view kAccounted[] = {
    "anon_vma",
    "anon_vma_chain",
    "bdev_cache",
    "bfilp",
    "btrfs_inode",
    "ceph_inode_info",
    "cred",
    "cred_jar",
    "dax_cache",
    "dccp_bind2_bucket",
    "dccp_bind_bucket",
    "dentry",
    "dnotify_mark",
    "dnotify_struct",
    "ep_head",
    "erofs_inode",
    "eventpoll_epi",
    "eventpoll_pwq",
    "fanotify_mark",
    "fasync_cache",
    "fib6_node",
    "fib6_nodes",
    "files_cache",
    "filp",
    "fs_cache",
    "fsnotify_mark",
    "fuse_inode",
    "gfs2_inode",
    "hfsplus_icache",
    "inotify_inode_mark",
    "ip6_dst_cache",
    "ip6_mrt_cache",
    "ip_fib_alias",
    "ip_fib_trie",
    "ip_mrt_cache",
    "jffs2_i",
    "jfs_ip",
    "mfc6_cache",
    "mfc_cache",
    "mm_struct",
    "mnt_cache",
    "net_namespace",
    "netfs_request",
    "netfs_subrequest",
    "nsproxy",
    "ovl_inode",
    "pde_opener",
    "pid",
    "pid_namespace",
    "pidfs_attr_cache",
    "posix_timers_cache",
    "romfs_i",
    "seq_file",
    "sighand_cache",
    "signal_cache",
    "sigqueue",
    "task_delay_info",
    "task_exec_state",
    "task_struct",
    "tcp_bind2_bucket",
    "tcp_bind_bucket",
    "ubifs_inode_slab",
    "user_namespace",
    "uts_namespace",
    "vm_area_struct",
    "vm_region",
    "vma_lock",
    "xfs_inode",
};

// Of "request_sock_TCP" and "tw_sock_TCP" too.
std::string_view ProtocolOf(std::string_view cache) {
  for (const std::string_view prefix : {"request_sock_", "tw_sock_"}) {
    if (cache.starts_with(prefix)) cache.remove_prefix(prefix.size());
  }
  return cache;
}

}  // namespace

bool IsKnownTypesafeByRcu(std::string_view cache, std::string_view release) {
  const std::optional<ModelKernel> kernel = KernelOfRelease(release);
  if (!kernel.has_value() || IsEarlier(*kernel, kLinux61)) return false;
  // "bio-264": by the size of what stands in front of a bio.
  if (cache.starts_with("bio-")) return true;
  const auto* const protocols_end = std::end(kTypesafeProtocols);
  if (std::find(std::begin(kTypesafeProtocols), protocols_end, ProtocolOf(cache)) !=
      protocols_end) {
    return true;
  }
  return std::any_of(std::begin(kTypesafe), std::end(kTypesafe), [&](const Since& since) {
    return since.cache == cache && !IsEarlier(*kernel, since.kernel);
  });
}

uint32_t KnownSheafCapacity(std::string_view cache) {
  return cache == "maple_node" || cache == "vm_area_struct" ? 32 : 0;
}

bool IsKnownAccounted(std::string_view cache) {
  // proto_register() gives all sockets it, and every file system its inodes.
  if (cache.ends_with("inode_cache") || cache.starts_with("request_sock_") ||
      cache.starts_with("tw_sock_")) {
    return true;
  }
  return std::find(std::begin(kAccounted), std::end(kAccounted), cache) != std::end(kAccounted) ||
         std::find(std::begin(kTypesafeProtocols), std::end(kTypesafeProtocols), cache) !=
             std::end(kTypesafeProtocols);
}

}  // namespace slablab
