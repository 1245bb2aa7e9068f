// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A Linux driver that makes QEMU's edu device interrupt and do DMA, and
 * counts what arrives: the guest's half of the interrupt and DMA boot tests.
 *
 * The device raises an interrupt when its raise register is written, so each
 * raise can be waited for and a lost or a spurious one is seen as such.
 * Results are module parameters, read through /sys/module by the scenario.
 *
 * Registers: QEMU docs/specs/edu.rst. Messages: PCI 3.0 6.8.1 (MSI), 2.2.6
 * (INTx). Not supported: more than one edu, the factorial unit.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pci.h>

/* Linux 6.8 gave the flag its new name; later the old one went. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX	PCI_IRQ_LEGACY
#endif

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

#define EDU_IRQ_STATUS	0x24
#define EDU_IRQ_RAISE	0x60
#define EDU_IRQ_ACK	0x64
#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_DMA_START	0x1
#define EDU_DMA_TO_RAM	0x2
#define EDU_DMA_BUFFER	0x40000
#define EDU_DMA_SIZE	4096

static uint count = 1000;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "interrupts to raise");

static bool intx;
module_param(intx, bool, 0444);
MODULE_PARM_DESC(intx, "use the interrupt pin instead of MSI");

static uint dma_rounds;
module_param(dma_rounds, uint, 0444);
MODULE_PARM_DESC(dma_rounds, "pages to send to the device and back");

static uint raised;
module_param(raised, uint, 0444);
MODULE_PARM_DESC(raised, "result: interrupts raised");

static uint handled;
module_param(handled, uint, 0444);
MODULE_PARM_DESC(handled, "result: interrupts handled");

static uint unexpected;
module_param(unexpected, uint, 0444);
MODULE_PARM_DESC(unexpected, "result: handler calls with a wrong or no status");

static uint dma_good;
module_param(dma_good, uint, 0444);
MODULE_PARM_DESC(dma_good, "result: pages that came back unchanged");

static void __iomem *regs;

static irqreturn_t edu_interrupt(int irq, void *data)
{
	u32 status = readl(regs + EDU_IRQ_STATUS);

	if (!status) {
		/* A shared pin may well be someone else's. */
		if (!intx) {
			WRITE_ONCE(unexpected, unexpected + 1);
		}
		return IRQ_NONE;
	}
	if (status != READ_ONCE(raised)) {
		WRITE_ONCE(unexpected, unexpected + 1);
	}
	writel(status, regs + EDU_IRQ_ACK);
	WRITE_ONCE(handled, handled + 1);
	return IRQ_HANDLED;
}

/* Raises one interrupt at a time; the status carries its number. */
static int edu_raise_all(struct device *dev)
{
	unsigned long deadline;
	uint i;

	for (i = 1; i <= count; i++) {
		WRITE_ONCE(raised, i);
		writel(i, regs + EDU_IRQ_RAISE);
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

static int edu_dma(struct device *dev, dma_addr_t src, dma_addr_t dst, u32 cmd)
{
	unsigned long deadline = jiffies + 5 * HZ;

	writeq(src, regs + EDU_DMA_SRC);
	writeq(dst, regs + EDU_DMA_DST);
	writeq(EDU_DMA_SIZE, regs + EDU_DMA_COUNT);
	writeq(cmd | EDU_DMA_START, regs + EDU_DMA_CMD);
	while (readq(regs + EDU_DMA_CMD) & EDU_DMA_START) {
		if (time_after(jiffies, deadline)) {
			dev_err(dev, "DMA did not end\n");
			return -ETIMEDOUT;
		}
		usleep_range(1000, 2000);
	}
	return 0;
}

static void fill(u32 *page, u32 seed)
{
	uint i;

	for (i = 0; i < EDU_DMA_SIZE / sizeof(*page); i++) {
		page[i] = seed * 0x9e3779b9 + i;
	}
}

/* A page out to the device's buffer and back into another page. */
static int edu_dma_round(struct device *dev, u32 *pages, dma_addr_t bus, u32 seed)
{
	u32 *back = pages + EDU_DMA_SIZE / sizeof(*pages);
	int rc;

	fill(pages, seed);
	memset(back, 0, EDU_DMA_SIZE);
	rc = edu_dma(dev, bus, EDU_DMA_BUFFER, 0);
	if (rc == 0) {
		rc = edu_dma(dev, EDU_DMA_BUFFER, bus + EDU_DMA_SIZE, EDU_DMA_TO_RAM);
	}
	if (rc == 0 && memcmp(pages, back, EDU_DMA_SIZE) == 0) {
		dma_good++;
	}
	return rc;
}

static int edu_dma_all(struct pci_dev *pdev)
{
	dma_addr_t bus;
	u32 *pages;
	uint i;
	int rc = 0;

	pages = dma_alloc_coherent(&pdev->dev, 2 * EDU_DMA_SIZE, &bus, GFP_KERNEL);
	if (!pages) {
		return -ENOMEM;
	}
	for (i = 0; i < dma_rounds && rc == 0; i++) {
		rc = edu_dma_round(&pdev->dev, pages, bus, i + 1);
	}
	dma_free_coherent(&pdev->dev, 2 * EDU_DMA_SIZE, pages, bus);
	return rc;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int rc, irq;

	rc = pcim_enable_device(pdev);
	if (rc) {
		return rc;
	}
	regs = pcim_iomap(pdev, 0, 0);
	if (!regs) {
		return -ENOMEM;
	}
	pci_set_master(pdev);
	/* The machine gives edu a full DMA mask; its default is 28 bits. */
	rc = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (rc) {
		return rc;
	}
	rc = pci_alloc_irq_vectors(pdev, 1, 1, intx ? PCI_IRQ_INTX : PCI_IRQ_MSI);
	if (rc < 0) {
		return rc;
	}
	irq = pci_irq_vector(pdev, 0);
	rc = request_irq(irq, edu_interrupt, intx ? IRQF_SHARED : 0, "edu_test", pdev);
	if (rc == 0) {
		rc = edu_raise_all(&pdev->dev);
		if (rc == 0) {
			rc = edu_dma_all(pdev);
		}
		free_irq(irq, pdev);
	}
	pci_free_irq_vectors(pdev);
	return rc;
}

static void edu_remove(struct pci_dev *pdev)
{
	pci_clear_master(pdev);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name		= "edu_test",
	.id_table	= edu_ids,
	.probe		= edu_probe,
	.remove		= edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("Interrupt and DMA test on QEMU's edu device");
MODULE_LICENSE("Dual MIT/GPL");
