import t from 'tap'
import { bridgeOf, macOf } from '../../lib/inventory/devices.ts'

void t.test('a MAC address comes from the inventory or depends only on names', t => {
  const mac = macOf({ name: 'master1' }, { mac: undefined, device: 'eth0' })
  t.match(mac, /^52:54:00(:[0-9a-f]{2}){3}$/)
  t.equal(macOf({ name: 'master1' }, { mac: undefined, device: 'eth0' }), mac)
  t.not(macOf({ name: 'master1' }, { mac: undefined, device: 'eth1' }), mac)
  t.not(macOf({ name: 'master2' }, { mac: undefined, device: 'eth0' }), mac)
  t.equal(macOf({ name: 'a' }, { mac: '52:54:00:12:34:56', device: 'eth0' }), '52:54:00:12:34:56')
  t.end()
})

void t.test('the name of a bridge fits the kernel', t => {
  t.equal(bridgeOf({ name: 'lan', bridge: 'br0' }), 'br0')
  t.equal(bridgeOf({ name: 'kube_network_02', bridge: undefined }), 'kube_network_02')
  const [a, b] = ['1', '2'].map(n =>
    bridgeOf({ name: `kube_network_storage_${n}`, bridge: undefined }),
  )
  t.match(a, /^kube_netwo-[0-9a-f]{4}$/)
  t.not(a, b)
  t.end()
})
