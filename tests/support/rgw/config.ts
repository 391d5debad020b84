import { join } from 'node:path';

export interface RgwConfig {
  readonly home: string;
  readonly fsid: string;
  readonly monitorPort: number;
  readonly gatewayPort: number;
  readonly osds: number;
  readonly replicas: number;
}

/**
 * A Ceph cluster for one run of tests: loopback only, nobody is asked who he is, and nothing waits longer than it must.
 * The block files are sparse.
 */
export function cephConf(config: RgwConfig): string {
  const { home, fsid, monitorPort, gatewayPort, osds, replicas } = config;
  const perOsd = Array.from(
    { length: osds },
    (_, id) => `[osd.${id}]\nosd_data = ${osdHome(home, id)}`,
  );
  return `[global]
fsid = ${fsid}
mon_host = v1:127.0.0.1:${monitorPort}
ms_bind_msgr2 = false
public_network = 127.0.0.0/8
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_allow_insecure_global_id_reclaim = true
osd_pool_default_size = ${replicas}
osd_pool_default_min_size = 1
osd_pool_default_pg_num = ${osds === 1 ? 1 : 8}
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_osd_down_out_interval = 3600
paxos_propose_interval = 0.05
run_dir = ${home}
log_file = ${home}/log/$name.log
admin_socket = ${home}/$name.$pid.asok
osd_objectstore = bluestore
bluestore_block_size = 5368709120
bluestore_block_create = true
bluestore_fsck_on_mount = false
osd_memory_target = 939524096
[mon.a]
mon_data = ${join(home, 'mon')}
${perOsd.join('\n')}
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:${gatewayPort}
rgw_multipart_min_part_size = 5242880
`;
}

export function osdHome(home: string, id: number): string {
  return join(home, `osd${id}`);
}
