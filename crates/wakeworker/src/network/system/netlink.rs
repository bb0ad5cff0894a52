//! Linux: the kernel's own notices, about links and addresses or about devices.

use super::Woken;
use mio::{Events, Interest, Poll, Token, Waker};
use netlink_sys::protocols::{NETLINK_KOBJECT_UEVENT, NETLINK_ROUTE};
use netlink_sys::{Socket, SocketAddr};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of `linux/rtnetlink.h`.
const LINKS_AND_ADDRESSES: u32 = 0x1 | 0x10 | 0x100;

/// The kernel's own group of device notices, as opposed to udev's.
const DEVICES: u32 = 0x1;

const SOCKET: Token = Token(0);
const END: Token = Token(1);

/// Waits for notices without a timer.
pub(crate) struct Watch {
    socket: Socket,
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
}

/// Ends the wait of a [`Watch`] from another thread.
pub(crate) struct Ender(Arc<Waker>);

impl Watch {
    /// From now on no change is missed.
    pub(super) fn new() -> io::Result<Watch> {
        Watch::of(NETLINK_ROUTE, LINKS_AND_ADDRESSES)
    }

    /// The same for devices, power supplies among them.
    pub(crate) fn of_devices() -> io::Result<Watch> {
        Watch::of(NETLINK_KOBJECT_UEVENT, DEVICES)
    }

    fn of(protocol: isize, groups: u32) -> io::Result<Watch> {
        let mut socket = Socket::new(protocol)?;
        socket.set_non_blocking(true)?;
        socket.bind(&SocketAddr::new(0, groups))?;
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), END)?);
        Ok(Watch { socket, poll, events: Events::with_capacity(4), waker })
    }

    /// For the thread that will end the wait.
    pub(crate) fn ender(&self) -> Ender {
        Ender(Arc::clone(&self.waker))
    }

    /// Sleeps until something changes, the time is over or the wait is ended.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Woken> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Woken::TimedOut),
            polled => polled?,
        }
        if self.events.iter().any(|event| event.token() == END) {
            return Ok(Woken::Ended);
        }
        if self.events.is_empty() {
            return Ok(Woken::TimedOut);
        }
        self.drain()?;
        Ok(Woken::Changed)
    }

    /// What the notices say is of no interest: the interfaces are read when they have come to rest.
    fn drain(&self) -> io::Result<()> {
        let mut notice = Vec::with_capacity(8_192);
        loop {
            notice.clear();
            match self.socket.recv(&mut notice, 0) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The kernel had more notices than room for them, which is a change as well.
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// `asm-generic/errno.h`; the MIPS and SPARC numbers differ, where the thread then ends as after any other error.
const ENOBUFS: i32 = 105;

impl Ender {
    /// Ends the wait. An error means that the watch is gone already.
    pub(crate) fn end(&self) {
        let _ = self.0.wake();
    }
}
