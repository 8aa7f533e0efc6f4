//! The rtnetlink requests themselves, one function a request, on the namespace that the socket was opened in.

use std::{future::Future, io, net::Ipv4Addr, os::fd::RawFd};

use futures_util::TryStreamExt;
use rtnetlink::{
    Error as NetlinkError, Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage},
    packet_route::route::RouteAttribute,
};

use super::{Cidr, Error, Result};

/// A netlink socket in one network namespace.
#[derive(Clone, Debug)]
pub struct Links {
    handle: Handle,
}

fn failed(step: &'static str, device: &str) -> impl FnOnce(NetlinkError) -> Error {
    let device = device.to_owned();
    move |source| Error::Netlink { step, device, source: Box::new(source) }
}

fn errno(error: &NetlinkError) -> i32 {
    match error {
        NetlinkError::NetlinkError(message) => -message.raw_code(),
        _ => 0,
    }
}

fn accept(result: std::result::Result<(), NetlinkError>, accepted: i32) -> std::result::Result<(), NetlinkError> {
    match result {
        Err(error) if errno(&error) == accepted => Ok(()),
        other => other,
    }
}

impl Links {
    /// Opens a socket in the calling thread's namespace; the returned future moves its messages and must be polled.
    pub(super) fn connect() -> io::Result<(Self, impl Future<Output = ()> + use<>)> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        Ok((Self { handle }, connection))
    }

    async fn get(&self, name: &str) -> Result<LinkMessage> {
        let found = self.handle.link().get().match_name(name).execute().try_next().await;
        match found {
            Ok(Some(link)) => Ok(link),
            Ok(None) => Err(Error::NoDevice(name.to_owned())),
            Err(error) if errno(&error) == libc::ENODEV => Err(Error::NoDevice(name.to_owned())),
            Err(error) => Err(failed("look up device", name)(error)),
        }
    }

    /// The index of the device called `name`.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when there is none.
    pub async fn index(&self, name: &str) -> Result<u32> {
        Ok(self.get(name).await?.header.index)
    }

    /// Names of all devices in this namespace.
    ///
    /// # Errors
    /// When the kernel refuses the listing.
    pub async fn names(&self) -> Result<Vec<String>> {
        let links: Vec<LinkMessage> =
            self.handle.link().get().execute().try_collect().await.map_err(failed("list", "network devices"))?;
        Ok(links.into_iter().filter_map(|link| name_of(&link)).collect())
    }

    /// Makes the bridge `name` with the gateway address `address`, up; a bridge that exists already is kept and given what it lacks.
    ///
    /// # Errors
    /// When the kernel refuses a step.
    pub async fn ensure_bridge(&self, name: &str, address: Cidr, mtu: u32) -> Result<()> {
        let made = self.handle.link().add(LinkBridge::new(name).mtu(mtu).build()).execute().await;
        accept(made, libc::EEXIST).map_err(failed("create bridge", name))?;
        self.add_address(name, address).await?;
        self.set_up(name).await
    }

    /// Makes a veth pair: `host` here, on `bridge` and up; `inner` in the namespace behind `namespace`, with that hardware address.
    ///
    /// # Errors
    /// When the kernel refuses; then neither end exists.
    pub async fn add_veth(
        &self,
        host: &str,
        bridge: &str,
        inner: &str,
        namespace: RawFd,
        mac: [u8; 6],
        mtu: u32,
    ) -> Result<()> {
        let bridge = self.index(bridge).await?;
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(inner.to_owned())
            .mtu(mtu)
            .address(mac.to_vec())
            .setns_by_fd(namespace)
            .build();
        let pair = LinkVeth::new(host, inner)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .mtu(mtu)
            .controller(bridge)
            .up()
            .build();
        self.handle.link().add(pair).execute().await.map_err(failed("create veth pair", host))
    }

    /// Sets the device up.
    ///
    /// # Errors
    /// When there is no such device or the kernel refuses.
    pub async fn set_up(&self, name: &str) -> Result<()> {
        let index = self.index(name).await?;
        let message = LinkUnspec::new_with_index(index).up().build();
        self.handle.link().set(message).execute().await.map_err(failed("set up", name))
    }

    /// Gives the device an address; one that it has already is no error.
    ///
    /// # Errors
    /// When there is no such device or the kernel refuses.
    pub async fn add_address(&self, name: &str, address: Cidr) -> Result<()> {
        let index = self.index(name).await?;
        let added = self.handle.address().add(index, address.address.into(), address.prefix).execute().await;
        accept(added, libc::EEXIST).map_err(failed("add an address to", name))
    }

    /// Makes `gateway` the default route; one that exists already is kept.
    ///
    /// # Errors
    /// When the gateway is on none of the namespace's networks.
    pub async fn add_default_route(&self, gateway: Ipv4Addr) -> Result<()> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway).build();
        let added = self.handle.route().add(route).execute().await;
        accept(added, libc::EEXIST).map_err(failed("add the default route through", &gateway.to_string()))
    }

    /// Removes the device; one that is gone already is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn remove(&self, name: &str) -> Result<()> {
        let index = match self.index(name).await {
            Err(Error::NoDevice(_)) => return Ok(()),
            other => other?,
        };
        accept(self.handle.link().del(index).execute().await, libc::ENODEV).map_err(failed("remove", name))
    }

    /// Name and MTU (bytes) of the device that the IPv4 default route leaves by, if there is one.
    ///
    /// # Errors
    /// When the kernel refuses the listing.
    pub async fn uplink(&self) -> Result<Option<(String, u32)>> {
        let any = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let mut routes = self.handle.route().get(any).execute();
        while let Some(route) = routes.try_next().await.map_err(failed("list", "routes"))? {
            if route.header.destination_prefix_length != 0 {
                continue;
            }
            let device = route.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Oif(index) => Some(*index),
                _ => None,
            });
            let Some(device) = device else { continue };
            let found = self.handle.link().get().match_index(device).execute().try_next().await;
            if let Ok(Some(link)) = found
                && let Some(name) = name_of(&link)
            {
                let mtu = link.attributes.iter().find_map(|attribute| match attribute {
                    LinkAttribute::Mtu(mtu) => Some(*mtu),
                    _ => None,
                });
                return Ok(Some((name, mtu.unwrap_or(1500))));
            }
        }
        Ok(None)
    }
}

fn name_of(link: &LinkMessage) -> Option<String> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })
}
