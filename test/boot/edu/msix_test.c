// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A Linux driver that makes QEMU's igb raise its MSI-X vectors by software and
 * counts what arrives: the guest's half of the MSI-X boot test. Nothing else
 * of the controller is used.
 *
 * Each vector is raised and waited for in turn, so a lost one, one too many and
 * one that came by another vector are seen as such.
 *
 * Registers: Intel 82576 datasheet 8.8 (GPIE, EICS, EIMS, EIMC, EIAC). Not
 * supported: more than one igb.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pci.h>

#define IGB_GPIE	0x1514
#define IGB_EICS	0x1520
#define IGB_EIMS	0x1524
#define IGB_EIMC	0x1528
#define IGB_EIAC	0x152c
#define IGB_EIAM	0x1530
#define IGB_GPIE_MSIX	0x00000010

#define VECTORS_MAX	10

static uint count = 1000;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "interrupts to raise");

static uint vectors = 8;
module_param(vectors, uint, 0444);
MODULE_PARM_DESC(vectors, "vectors to raise in turn");

static uint raised;
module_param(raised, uint, 0444);
MODULE_PARM_DESC(raised, "result: interrupts raised");

static uint handled;
module_param(handled, uint, 0444);
MODULE_PARM_DESC(handled, "result: interrupts handled");

static uint unexpected;
module_param(unexpected, uint, 0444);
MODULE_PARM_DESC(unexpected, "result: interrupts by another vector than was raised");

static void __iomem *regs;

static irqreturn_t msix_interrupt(int irq, void *data)
{
	uint vector = (uint)(unsigned long)data;

	if (vector != READ_ONCE(raised) % vectors) {
		WRITE_ONCE(unexpected, unexpected + 1);
	}
	WRITE_ONCE(handled, handled + 1);
	return IRQ_HANDLED;
}

static int msix_raise_all(struct device *dev)
{
	unsigned long deadline;
	uint i;

	for (i = 1; i <= count; i++) {
		WRITE_ONCE(raised, i);
		writel(1u << (i % vectors), regs + IGB_EICS);
		deadline = jiffies + 5 * HZ;
		while (READ_ONCE(handled) != i) {
			if (time_after(jiffies, deadline)) {
				dev_err(dev, "interrupt %u did not arrive\n", i);
				return -ETIMEDOUT;
			}
			cpu_relax();
		}
		/* Others wait for this processor: ksoftirqd has what the NIC received. */
		cond_resched();
	}
	return 0;
}

static int msix_run(struct pci_dev *pdev)
{
	uint asked = 0;
	int rc = 0;

	while (asked < vectors && rc == 0) {
		rc = request_irq(pci_irq_vector(pdev, asked), msix_interrupt, 0, "msix_test",
				 (void *)(unsigned long)asked);
		asked += rc == 0;
	}
	if (rc == 0) {
		u32 mask = (1u << vectors) - 1;

		writel(IGB_GPIE_MSIX, regs + IGB_GPIE);
		writel(0, regs + IGB_EIAM);
		writel(mask, regs + IGB_EIAC);
		writel(mask, regs + IGB_EIMS);
		rc = msix_raise_all(&pdev->dev);
		writel(0xffffffff, regs + IGB_EIMC);
	}
	while (asked-- > 0) {
		free_irq(pci_irq_vector(pdev, asked), (void *)(unsigned long)asked);
	}
	return rc;
}

static int msix_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int rc;

	if (vectors == 0 || vectors > VECTORS_MAX) {
		return -EINVAL;
	}
	rc = pcim_enable_device(pdev);
	if (rc) {
		return rc;
	}
	regs = pcim_iomap(pdev, 0, 0);
	if (!regs) {
		return -ENOMEM;
	}
	pci_set_master(pdev);
	rc = pci_alloc_irq_vectors(pdev, vectors, vectors, PCI_IRQ_MSIX);
	if (rc < 0) {
		return rc;
	}
	rc = msix_run(pdev);
	pci_free_irq_vectors(pdev);
	return rc;
}

static void msix_remove(struct pci_dev *pdev)
{
	pci_clear_master(pdev);
}

static const struct pci_device_id msix_ids[] = {
	{ PCI_DEVICE(0x8086, 0x10c9) },
	{ 0 }
};

static struct pci_driver msix_driver = {
	.name		= "msix_test",
	.id_table	= msix_ids,
	.probe		= msix_probe,
	.remove		= msix_remove,
};
module_pci_driver(msix_driver);

MODULE_DESCRIPTION("MSI-X test on QEMU's igb device");
MODULE_LICENSE("Dual MIT/GPL");
